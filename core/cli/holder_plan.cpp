#include "cli/holder_plan.hpp"

#include "base/error.hpp"
#include "launch/proto/plan.pb.h"

#include <fcntl.h>

namespace nacre::cli {
namespace {

void add_terminal(launch::HolderPlan& plan, const UniqueFd& slave, std::vector<UniqueFd>& fds) {
  if (!slave) return;
  plan.set_uses_terminal(1);
  fds.push_back(slave.duplicate());
}

// A namespace that the container shares with somebody else, by path.
void enter(launch::HolderPlan& plan, const oci::Namespace& space, std::vector<UniqueFd>& fds) {
  fds.emplace_back(check_errno(::open(space.path.c_str(), O_RDONLY | O_CLOEXEC),
                               "open " + space.type + " namespace", space.path));
  plan.add_enter_namespaces(static_cast<std::uint32_t>(fds.size() - 1));
}

} // namespace

std::unique_ptr<launch::Holder> spawn_container_holder(const oci::Spec& spec, const UniqueFd& slave) {
  launch::HolderPlan plan;
  std::vector<UniqueFd> fds;
  add_terminal(plan, slave, fds);
  if (const auto* net = spec.linux.find("network")) {
    plan.set_new_netns(net->path.empty());
    plan.set_netns_path(net->path);
  }
  if (const auto* uts = spec.linux.find("uts")) {
    if (uts->path.empty())
      plan.set_hostname(spec.hostname);
    else
      enter(plan, *uts, fds);
  }
  if (const auto* ipc = spec.linux.find("ipc")) {
    if (ipc->path.empty())
      plan.set_new_ipc(true);
    else
      enter(plan, *ipc, fds);
  }
  return launch::Holder::spawn(plan, spec.process->args, std::move(fds));
}

std::unique_ptr<launch::Holder> spawn_exec_holder(const oci::Process& process, pid_t container_pid,
                                                  const UniqueFd& slave) {
  launch::HolderPlan plan;
  std::vector<UniqueFd> fds;
  add_terminal(plan, slave, fds);
  plan.set_netns_path("/proc/" + std::to_string(container_pid) + "/ns/net");
  return launch::Holder::spawn(plan, process.args, std::move(fds));
}

} // namespace nacre::cli
