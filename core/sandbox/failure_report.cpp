#include "sandbox/failure_report.hpp"

#include "sandbox/text_tail.hpp"

#include <algorithm>

namespace nacre::sandbox {
namespace {

constexpr std::size_t console_limit = 800;

// "hypervisor/qemu": its table in configuration.toml.
std::string table_of(std::string plugin) {
  std::replace(plugin.begin(), plugin.end(), '/', '.');
  return "[" + plugin + "]";
}

bool refused_by_vmm(const FailureFacts& facts) {
  return !facts.vmm_started && !facts.vmm_ending.empty() && !facts.vmm_words.empty();
}

// A VMM that cannot reach a helper says less than the helper itself.
bool refused_by_helper(const FailureFacts& facts) {
  return !facts.vmm_started && !facts.helper.empty();
}

std::string facts_text(const FailureFacts& facts, std::string_view console) {
  std::string text = " (phase \"" + facts.phase + "\", plugin " + facts.plugin + " " + facts.plugin_version;
  if (!facts.vmm_ending.empty()) text += ", its virtual machine monitor " + facts.vmm_ending;
  if (!facts.vmm_words.empty() && !refused_by_vmm(facts)) text += ", which wrote last: " + facts.vmm_words;
  if (!console.empty()) text += "; the guest's console ends with: " + std::string(console);
  return text + ")";
}

std::optional<BootTrouble> find_trouble(const Error& error, const FailureFacts& facts) {
  const bool ended = !facts.vmm_ending.empty();
  const bool lost = error.code() == ErrorCode::unavailable || error.code() == ErrorCode::deadline_exceeded;
  // What the agent has answered says more than its console.
  if (!facts.vmm_started || !lost || (!ended && facts.agent_answered)) return std::nullopt;
  return find_boot_trouble(facts.console, facts.files, ended);
}

} // namespace

Error report_failure(const Error& error, const FailureFacts& facts) {
  Error report(error.code(), "start the virtual machine");
  std::string cause = error.what();
  if (!facts.vmm_started) cause = error.cause().empty() ? cause : error.cause(); // the plugin's own words
  if (refused_by_helper(facts)) {
    return report.because("its helper " + facts.helper +
                          facts_text(facts, join_last(facts.console, console_limit)));
  }
  if (refused_by_vmm(facts)) {
    return report.because(cause + ": " + facts.vmm_words + "; correct what it names in " +
                          table_of(facts.plugin) +
                          facts_text(facts, join_last(facts.console, console_limit)));
  }
  auto lines = facts.console;
  if (const auto trouble = find_trouble(error, facts)) {
    cause = trouble->cause + (trouble->remedy.empty() ? "" : "; " + trouble->remedy);
    lines.resize(trouble->lines_used);
  } else if (error.code() == ErrorCode::deadline_exceeded && !facts.agent_answered) {
    cause += "; does initrd \"" + facts.files.initrd + "\" hold this release's agent?";
  }
  return report.because(cause + facts_text(facts, join_last(lines, console_limit)));
}

} // namespace nacre::sandbox
