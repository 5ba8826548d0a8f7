#include "cli/diagnosis/checks.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "base/process_identity.hpp"
#include "cli/container_states.hpp"
#include "cli/diagnosis/cgroup_facts.hpp"
#include "cli/diagnosis/host_facts.hpp"
#include "cli/diagnosis/kernel_features.hpp"
#include "cli/diagnosis/plan_trial.hpp"
#include "cli/diagnosis/program_facts.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <unistd.h>

namespace nacre::cli {
namespace {

using Lines = std::vector<CheckLine>;

void append(Lines& lines, Lines more) {
  lines.insert(lines.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

CheckLevel level_of_missing(KernelFeature::Need need) {
  switch (need) {
  case KernelFeature::Need::always:
    return CheckLevel::error;
  case KernelFeature::Need::networks:
    return CheckLevel::warning;
  case KernelFeature::Need::sometimes:
    break;
  }
  return CheckLevel::skip;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

const plugin::Finding* first_of(const PluginFacts& plugin, plugin::Finding::Level level) {
  const auto& findings = plugin.report.findings;
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const auto& finding) { return finding.level == level; });
  return found == findings.end() ? nullptr : &*found;
}

// What the plugin's own probe says where this host cannot run it; null: it can.
const plugin::Finding* skip_of(const PluginFacts& plugin) {
  const auto& findings = plugin.report.findings;
  const auto found = std::find_if(findings.begin(), findings.end(), [](const auto& finding) {
    return finding.status == plugin::LoadStatus::probe_skip;
  });
  return found == findings.end() ? nullptr : &*found;
}

// Whether another plugin that was chosen for the same can take the place of one that this host cannot run.
bool has_stand_in(const std::vector<PluginFacts>& plugins, const PluginFacts& skipped) {
  if (skipped.kind != plugin::Kind::network && skipped.kind != plugin::Kind::storage) return false;
  return std::any_of(plugins.begin(), plugins.end(), [&](const PluginFacts& other) {
    return other.chosen && other.kind == skipped.kind && other.report.good() && !skip_of(other);
  });
}

CheckLine check_plugin(const std::vector<PluginFacts>& plugins, const PluginFacts& plugin) {
  CheckLine line;
  line.subject = "plugin/" + std::string(to_string(plugin.kind)) + "/" + plugin.name;
  const std::string version =
      plugin.report.identity.version.empty() ? "" : "version " + plugin.report.identity.version + ", ";
  const auto tell = [&](CheckLevel level, const std::string& sentence) {
    line.level = level;
    line.sentence = (plugin.chosen ? "" : "not chosen; ") + version + sentence;
  };
  using Level = plugin::Finding::Level;
  if (const auto* error = first_of(plugin, Level::error)) {
    tell(plugin.chosen ? CheckLevel::error : CheckLevel::warning, error->sentence);
  } else if (const auto* skip = skip_of(plugin)) {
    const auto chosen = has_stand_in(plugins, plugin) ? CheckLevel::warning : CheckLevel::error;
    tell(plugin.chosen ? chosen : CheckLevel::skip, skip->sentence);
  } else if (const auto* warning = first_of(plugin, Level::warning)) {
    tell(CheckLevel::warning, warning->sentence);
  } else if (const auto* ok = first_of(plugin, Level::ok)) {
    tell(CheckLevel::ok, ok->sentence);
  }
  return line;
}

CheckLine check_container(const oci::State& state) {
  CheckLine line{CheckLevel::ok, "container/" + state.id, std::string(oci::to_string(state.status)), {}};
  if (state.status != oci::Status::stopped) return line;
  const ProcessIdentity sandbox{state.sandbox_pid, state.sandbox_start_ticks};
  if (state.sandbox_pid > 0 && sandbox.alive()) return line;
  line.level = CheckLevel::warning;
  line.sentence = "stopped, and its sandbox process is gone";
  line.remedy = "`nacre delete " + state.id + "` removes what is left of it";
  return line;
}

// The image builder's note: whether it speaks of these files and of this release.
Lines check_note(const GuestFacts& guest) {
  const boost::json::value note(guest.note);
  const auto text = [&](std::string_view pointer) {
    boost::system::error_code failure;
    const auto* value = note.find_pointer(pointer, failure);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  Lines lines = {{CheckLevel::ok,
                  "guest/note",
                  "agent " + text("/agent/version") + ", Linux " + text("/kernel/release"),
                  {}}};
  if (text("/agent/version") != paths::version) {
    lines.front().level = CheckLevel::warning;
    lines.front().sentence += std::string(", but nacre is ") + paths::version;
    lines.front().remedy = "install the guest image of this release";
  }
  for (const auto& file : guest.files) {
    boost::system::error_code failure;
    const auto name = file.path.substr(file.path.rfind('/') + 1);
    const auto* size = note.find_pointer("/outputs/" + name + "/size", failure);
    if (!size || !file.problem.empty() || size->to_number<std::uint64_t>(failure) == file.size) continue;
    lines.push_back({CheckLevel::warning, "guest/" + file.what,
                     "\"" + file.path + "\" has another size than its note \"" + guest.note_path + "\" says",
                     "install the guest image again"});
  }
  return lines;
}

Lines check_host(const ConfigurationFacts& configuration) {
  const auto host = host_facts();
  const auto flags = joined(host.cpu_flags);
  Lines lines = {{CheckLevel::ok,
                  "host",
                  host.distribution + ", Linux " + host.kernel + " on " + host.machine + ", " +
                      std::to_string(host.cpus) + " CPUs (" + (flags.empty() ? "no flag of note" : flags) +
                      "), " + std::to_string(host.available_mib) + " of " + std::to_string(host.memory_mib) +
                      " MiB available",
                  {}}};
  if (::geteuid() != 0)
    lines.push_back({CheckLevel::warning, "user", "you are not root: what only root may open looks missing",
                     "run it as root"});
  if (!configuration.config) return lines;
  const auto wanted = configuration.config->guest().memory_mib;
  if (host.available_mib > 0 && wanted > host.available_mib)
    lines.push_back(
        {CheckLevel::warning, "memory",
         "a virtual machine has " + std::to_string(wanted) + " MiB, this host has only " +
             std::to_string(host.available_mib) + " MiB to give",
         "lower default_memory in [hypervisor." + configuration.config->runtime().hypervisor + "]"});
  return lines;
}

Lines check_kernel() {
  Lines lines;
  for (const auto& feature : kernel_features())
    lines.push_back({feature.works ? CheckLevel::ok : level_of_missing(feature.need),
                     "kernel/" + feature.name,
                     feature.works ? feature.use : feature.why_not + " (it " + feature.use + ")",
                     feature.works ? std::string() : feature.remedy});
  return lines;
}

Lines check_cgroups() {
  const auto facts = cgroup_facts();
  if (!facts.problem.empty())
    return {{CheckLevel::error, "cgroups", facts.problem, "mount /sys/fs/cgroup writable"}};
  return {{CheckLevel::ok,
           "cgroups",
           facts.version + ", managed by " + facts.manager +
               (facts.controllers.empty() ? "" : ", controllers " + facts.controllers),
           {}}};
}

Lines check_configuration(const ConfigurationFacts& configuration) {
  Lines lines;
  for (const auto& problem : configuration.problems)
    lines.push_back({CheckLevel::error, "configuration", problem, {}});
  if (!configuration.config) return lines;
  const auto& runtime = configuration.config->runtime();
  lines.push_back({CheckLevel::ok,
                   "configuration",
                   joined(configuration.files) + ": hypervisor " + runtime.hypervisor + ", network " +
                       joined(runtime.network) + ", storage " + joined(runtime.storage) + ", security " +
                       (runtime.security.empty() ? "none" : joined(runtime.security)),
                   {}});
  return lines;
}

Lines check_plugins(const std::vector<PluginFacts>& plugins) {
  Lines lines;
  for (const auto& plugin : plugins)
    lines.push_back(check_plugin(plugins, plugin));
  if (plugins.empty())
    lines.push_back({CheckLevel::error, "plugins",
                     "there are none in \"" + std::string(paths::plugin_dir) + "\"",
                     "install Nacre's plugins"});
  return lines;
}

// Only where each chosen plugin is good by itself: else the plan would say the same again.
Lines check_plan(const ConfigurationFacts& configuration, const std::vector<PluginFacts>& plugins) {
  const bool all_good = std::none_of(plugins.begin(), plugins.end(), [](const PluginFacts& plugin) {
    return plugin.chosen && (!plugin.report.good() || skip_of(plugin));
  });
  if (!configuration.config || !all_good) return {};
  try {
    return {try_plan(*configuration.config, plugins)};
  } catch (const Error& error) {
    return {{CheckLevel::error, "plan", error.what(), {}}};
  }
}

Lines check_programs(const std::vector<PluginFacts>& plugins) {
  Lines lines;
  for (const auto& program : own_programs()) {
    const auto subject = "program/" + program.name;
    if (!program.problem.empty())
      lines.push_back({CheckLevel::error, subject, "\"" + program.path + "\": " + program.problem,
                       "install Nacre again"});
    else if (!program.version.empty() && program.version.find(paths::version) == std::string::npos)
      lines.push_back({CheckLevel::warning, subject,
                       "it is \"" + program.version + "\", but nacre is " + paths::version,
                       "install both from one release"});
    else
      lines.push_back({CheckLevel::ok, subject, program.path, {}});
  }
  for (const auto& program : plugin_programs(plugins))
    lines.push_back({program.problem.empty() ? CheckLevel::ok : CheckLevel::warning,
                     "program/" + program.name,
                     program.path + ": " + (program.problem.empty() ? program.version : program.problem),
                     {}});
  for (const auto& program : other_programs())
    lines.push_back({program.problem.empty() ? CheckLevel::ok : CheckLevel::warning,
                     "program/" + program.name,
                     program.problem.empty() ? program.version : program.path + ": " + program.problem,
                     {}});
  return lines;
}

Lines check_guest(const GuestFacts& guest) {
  Lines lines;
  for (const auto& file : guest.files)
    lines.push_back({file.problem.empty() ? CheckLevel::ok : CheckLevel::error, "guest/" + file.what,
                     file.problem.empty() ? file.path : "\"" + file.path + "\": " + file.problem,
                     file.problem.empty()
                         ? ""
                         : "install the guest image, or correct \"" + file.what + "\" in the configuration"});
  if (!guest.note_problem.empty()) {
    lines.push_back({CheckLevel::skip, "guest/note", "\"" + guest.note_path + "\": " + guest.note_problem,
                     "nothing needs it; the image builder writes it beside the kernel"});
    return lines;
  }
  append(lines, check_note(guest));
  return lines;
}

Lines check_state(const std::string& root) {
  Lines lines;
  try {
    const auto [states, problems] = container_states(root);
    lines.push_back(
        {CheckLevel::ok, "state", root + ": " + std::to_string(states.size()) + " containers", {}});
    for (const auto& problem : problems)
      lines.push_back(
          {CheckLevel::warning, "state", problem, "`nacre delete --force` removes the container"});
    for (const auto& state : states)
      if (auto line = check_container(state); line.level != CheckLevel::ok) lines.push_back(std::move(line));
  } catch (const Error& error) {
    lines.push_back(
        {CheckLevel::error, "state", error.what(), "give the folder to root, or name another --root"});
  }
  return lines;
}

} // namespace

Lines check_all(const std::string& config_file, const std::string& root) {
  const auto configuration = configuration_facts(config_file);
  const auto plugins = plugin_facts(configuration);
  Lines lines = check_host(configuration);
  append(lines, check_kernel());
  append(lines, check_cgroups());
  append(lines, check_configuration(configuration));
  append(lines, check_plugins(plugins));
  append(lines, check_plan(configuration, plugins));
  append(lines, check_programs(plugins));
  append(lines, check_guest(guest_facts(configuration)));
  append(lines, check_state(root));
  return lines;
}

} // namespace nacre::cli
