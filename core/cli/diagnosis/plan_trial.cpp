#include "cli/diagnosis/plan_trial.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "cli/pipe_reader.hpp"
#include "plugin/plan.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <list>
#include <optional>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

constexpr std::chrono::seconds patience{10};

// "FILE:LINE:COLUMN" of the key in [runtime] that chose a plugin; "": a default.
std::string place_of(const config::Config& config, plugin::Kind kind) {
  for (const auto& [table, settings] : config.effective()) {
    const auto found = settings.find(std::string(to_string(kind)));
    if (table != "runtime" || found == settings.end() || found->second.value_origin.is_default()) continue;
    return found->second.value_origin.text();
  }
  return {};
}

plugin::Plan make_plan(const config::Config& config, const std::vector<PluginFacts>& plugins) {
  plugin::HostEnvironment nothing; // a handle has no side effects, so it is lent no means for any
  const auto limits = plugin::Limits::within(patience);
  plugin::Registry registry(config.runtime().extra_plugin_dir);
  std::optional<plugin::Vm> vm;
  std::list<plugin::Storage> storages;
  std::list<plugin::Network> networks;
  std::vector<plugin::Need> needs;
  for (const auto& facts : plugins) {
    if (!facts.chosen) continue;
    const auto& loaded = registry.load(facts.kind, facts.name);
    if (facts.kind == plugin::Kind::hypervisor)
      vm.emplace(plugin::Hypervisor(loaded).create(nothing, limits, facts.options.json));
    else if (facts.kind == plugin::Kind::storage)
      needs.push_back(need_of(storages.emplace_back(loaded, nothing, limits, facts.options.json),
                              place_of(config, facts.kind)));
    else if (facts.kind == plugin::Kind::network)
      needs.push_back(need_of(networks.emplace_back(loaded, nothing, limits, facts.options.json),
                              place_of(config, facts.kind)));
  }
  return plugin::make_plan(plugin::offer_of(vm.value(), place_of(config, plugin::Kind::hypervisor)), needs);
}

// A letter for the level and the sentence, for the parent.
std::string verdict(const config::Config& config, const std::vector<PluginFacts>& plugins) {
  try {
    return make_plan(config, plugins).runs_guest
               ? "+the chosen plugins fit together"
               : "?the chosen hypervisor runs no guest: containers do nothing";
  } catch (const std::exception& error) {
    return std::string("-") + error.what();
  }
}

[[noreturn]] void child(int out, pid_t parent, const config::Config& config,
                        const std::vector<PluginFacts>& plugins) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  const auto text = verdict(config, plugins);
  const auto written = ::write(out, text.data(), text.size()); // at most a few hundred bytes: at once
  ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
}

std::string end_text(bool ended, int status) {
  if (!ended) return "making the plan hung for " + std::to_string(patience.count()) + " s";
  if (WIFSIGNALED(status)) return std::string("making the plan crashed: ") + ::sigdescr_np(WTERMSIG(status));
  return "making the plan ended with exit code " + std::to_string(WEXITSTATUS(status));
}

} // namespace

CheckLine try_plan(const config::Config& config, const std::vector<PluginFacts>& plugins) {
  std::array<int, 2> ends{};
  check_errno(::pipe2(ends.data(), O_CLOEXEC), "open pipe");
  const UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = check_errno(::fork(), "fork to try the plan");
  if (pid == 0) child(out.get(), parent, config, plugins);
  out.reset();
  std::string text;
  const bool ended = read_to_end(in.get(), patience, "the plan", text);
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (text.empty())
    return {CheckLevel::error, "plan", end_text(ended, status), "look at `nacre plugin verify`"};
  const auto level = text.front() == '+'   ? CheckLevel::ok
                     : text.front() == '?' ? CheckLevel::warning
                                           : CheckLevel::error;
  return {level, "plan", text.substr(1), {}};
}

} // namespace nacre::cli
