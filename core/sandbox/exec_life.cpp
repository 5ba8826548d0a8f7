// Further processes in a running container: those that are asked for, and those that it starts itself.
#include "sandbox/sandbox_impl.hpp"

#include "base/error.hpp"
#include "launch/proto/plan.pb.h"
#include "sandbox/refusal.hpp"

#include <boost/json.hpp>
#include <fcntl.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto exec_deadline = 60s;

UniqueFd open_netns(int pid) {
  return UniqueFd(::open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
}

// Like the container's own holder: its network namespace, the pod's cgroup.
std::unique_ptr<launch::Holder> spawn_holder_beside(int first_pid, const std::vector<std::string>& argv,
                                                    const std::vector<std::string>& cgroup_procs) {
  launch::HolderPlan plan;
  std::vector<UniqueFd> fds;
  if (UniqueFd netns = open_netns(first_pid)) {
    plan.add_enter_namespaces(0);
    fds.push_back(std::move(netns));
  }
  for (const auto& file : cgroup_procs)
    plan.add_cgroup_procs(file);
  return launch::Holder::spawn(plan, argv, std::move(fds));
}

} // namespace

void Sandbox::Impl::add_exec(ExecRequest request) {
  const auto container = find(request.container_id);
  if (container->first->stopped())
    throw Error(ErrorCode::failed_precondition, "cannot exec in a stopped container");
  auto document = oci::parse_process(request.process_json, "process");
  GuestSpecOptions spec_options;
  spec_options.container_id = container->id;
  spec_options.guest_labels = plugins->has_guest_labels();
  auto process = make_guest_process(std::move(document.document), spec_options);
  auto linux_section = boost::json::parse(container->linux_section.empty() ? "{}" : container->linux_section);
  confinement->guest_process(true, process, linux_section.as_object());

  Container::Exec exec;
  exec.process = GuestProcess::create(
      loop, [this] { return agent(); }, container->id, request.exec_id, container->bundle,
      std::move(request.io), process_callbacks());
  exec.process_json = boost::json::serialize(process);
  exec.argv = document.process.args;
  exec.cwd = document.process.cwd;
  if (request.holder) exec.process->take_holder(std::move(request.holder));
  const std::lock_guard lock(mutex);
  if (container->execs.contains(request.exec_id))
    throw Error(ErrorCode::already_exists, "exec", request.exec_id).because("it exists already");
  container->execs.emplace(request.exec_id, std::move(exec));
}

int Sandbox::Impl::start_exec(const std::string& container_id, const std::string& exec_id) {
  const auto container = find(container_id);
  const auto process = find_process(container_id, exec_id);
  agent_client::v1::ExecProcessRequest request;
  std::vector<std::string> argv;
  std::string cwd;
  {
    const std::lock_guard lock(mutex);
    const auto found = container->execs.find(exec_id);
    if (found == container->execs.end()) throw Error(ErrorCode::not_found, "exec does not exist");
    request.set_process(found->second.process_json);
    argv = found->second.argv;
    cwd = found->second.cwd;
  }
  if (process->state().status != ProcessStatus::created)
    throw Error(ErrorCode::failed_precondition, "start exec", exec_id).because("it was started already");
  try {
    if (process->pid() == 0)
      process->take_holder(spawn_holder_beside(container->first->pid(), argv, cgroup->procs_files()));
    else
      cgroup->join(process->pid());
    request.set_container_id(container_id);
    request.set_exec_id(exec_id);
    request.set_terminal(process->terminal());
    request.set_has_stdin(process->has_stdin());
    const auto [rows, columns] = process->rows_and_columns();
    request.set_rows(rows);
    request.set_columns(columns);
    process->describe_descriptors(*request.mutable_descriptors());
    if (plan.runs_guest) {
      const auto connected = need_agent();
      try {
        connected->exec_process(request, exec_deadline);
      } catch (const Error& error) {
        throw_if_refused(error, "exec failed: unable to start container process", {argv.front(), cwd, {}});
        throw;
      }
      process->connect_stdio(connected);
    }
    process->started();
  } catch (...) {
    process->lost(255);
    throw;
  }
  return process->pid();
}

void Sandbox::Impl::add_mirrors(Container& container) {
  container.mirrors = std::make_unique<Mirrors>(
      loop, [this] { return agent(); }, container.id,
      [first = container.first, procs = cgroup->procs_files()](const std::vector<std::string>& argv) {
        return spawn_holder_beside(first->pid(), argv, procs);
      });
}

} // namespace nacre::sandbox
