#include "sandbox/sandbox.hpp"

#include "agent_client/debug_console.hpp"
#include "base/error.hpp"
#include "plugin/savable.hpp"
#include "sandbox/resource_update.hpp"
#include "sandbox/sandbox_impl.hpp"

#include <boost/json/serialize.hpp>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto call_deadline = 60s;

// containerd's runc shim knows these two texts; callers of the command line too.
Error no_container() {
  return Error(ErrorCode::not_found, "container does not exist");
}
Error not_running() {
  return Error(ErrorCode::failed_precondition, "container not running");
}

void refuse_stopped(const GuestProcess& process) {
  if (process.stopped()) throw not_running();
}

} // namespace

const char* to_string(ProcessStatus status) {
  switch (status) {
  case ProcessStatus::created:
    return "created";
  case ProcessStatus::running:
    return "running";
  case ProcessStatus::paused:
    return "paused";
  default:
    return "stopped";
  }
}

std::shared_ptr<Container> Sandbox::Impl::find(const std::string& id) const {
  const std::lock_guard lock(mutex);
  const auto found = containers.find(id);
  if (found == containers.end()) throw no_container();
  return found->second;
}

std::shared_ptr<GuestProcess> Sandbox::Impl::find_process(const std::string& container_id,
                                                          const std::string& exec_id) const {
  const auto container = find(container_id);
  if (exec_id.empty()) return container->first;
  const std::lock_guard lock(mutex);
  const auto found = container->execs.find(exec_id);
  if (found == container->execs.end()) throw Error(ErrorCode::not_found, "process does not exist", exec_id);
  return found->second.process;
}

std::shared_ptr<agent_client::AgentClient> Sandbox::Impl::agent() const {
  const std::lock_guard lock(mutex);
  return client;
}

std::shared_ptr<agent_client::AgentClient> Sandbox::Impl::need_agent() const {
  const std::lock_guard lock(mutex);
  if (!death.empty()) throw Error(ErrorCode::unavailable, "ask the guest").because(death);
  if (!client) throw Error(ErrorCode::unavailable, "ask the guest").because("its agent is not there");
  return client;
}

Sandbox::Sandbox(SandboxOptions options, SandboxEvents events)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(events))) {}

Sandbox::~Sandbox() = default;

int Sandbox::create_container(CreateRequest request) {
  return impl_->create_container(std::move(request))->first->pid();
}

int Sandbox::start_container(const std::string& container_id) {
  impl_->start_container(container_id);
  return impl_->find(container_id)->first->pid();
}

void Sandbox::add_exec(ExecRequest request) {
  impl_->add_exec(std::move(request));
}

int Sandbox::start_exec(const std::string& container_id, const std::string& exec_id) {
  return impl_->start_exec(container_id, exec_id);
}

void Sandbox::kill(const std::string& container_id, const std::string& exec_id, int signal, bool all) {
  const auto process = impl_->find_process(container_id, exec_id);
  refuse_stopped(*process);
  agent_client::v1::SignalProcessRequest request;
  request.set_container_id(container_id);
  request.set_exec_id(exec_id);
  request.set_signal(static_cast<std::uint32_t>(signal));
  request.set_all(all && exec_id.empty());
  try {
    impl_->need_agent()->signal_process(request, call_deadline);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::not_found || process->stopped()) throw not_running();
    throw;
  }
}

void Sandbox::resize_pty(const std::string& container_id, const std::string& exec_id, int rows, int columns) {
  const auto process = impl_->find_process(container_id, exec_id);
  refuse_stopped(*process);
  agent_client::v1::ResizePtyRequest request;
  request.set_container_id(container_id);
  request.set_exec_id(exec_id);
  request.set_rows(static_cast<std::uint32_t>(rows));
  request.set_columns(static_cast<std::uint32_t>(columns));
  impl_->need_agent()->resize_pty(request, call_deadline);
}

void Sandbox::close_stdin(const std::string& container_id, const std::string& exec_id) {
  impl_->find_process(container_id, exec_id)->close_stdin();
}

ProcessState Sandbox::state(const std::string& container_id, const std::string& exec_id) const {
  return impl_->find_process(container_id, exec_id)->state();
}

std::vector<HostPid> Sandbox::pids(const std::string& container_id) {
  const auto container = impl_->find(container_id);
  std::vector<HostPid> pids;
  const auto add = [&](const ProcessState& process) {
    if (process.pid != 0 && process.status != ProcessStatus::stopped)
      pids.push_back({process.pid, process.exec_id});
  };
  add(container->first->state());
  if (pids.empty()) return pids;
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& [id, exec] : container->execs)
      add(exec.process->state());
  }
  if (container->mirrors && container->first->ever_started())
    for (const int pid : container->mirrors->refresh())
      pids.push_back({pid, {}});
  return pids;
}

void Sandbox::on_exit(const std::string& container_id, const std::string& exec_id,
                      std::function<void(const ProcessState&)> callback) {
  impl_->find_process(container_id, exec_id)->on_exit(std::move(callback));
}

ProcessState Sandbox::delete_process(const std::string& container_id, const std::string& exec_id) {
  return exec_id.empty() ? impl_->delete_container(container_id) : impl_->delete_exec(container_id, exec_id);
}

void Sandbox::open_debug_console(const std::string& container_id, UniqueFd socket, std::uint32_t rows,
                                 std::uint32_t columns,
                                 std::function<void(const std::optional<Error>&)> opened) {
  impl_->find(container_id);
  agent_client::open_debug_console(impl_->need_agent(), std::move(socket), {rows, columns},
                                   std::move(opened));
}

void Sandbox::pause(const std::string& container_id) {
  const auto container = impl_->find(container_id);
  const auto status = container->first->state().status;
  if (status != ProcessStatus::running && status != ProcessStatus::created)
    throw not_running(); // runc's words
  impl_->need_agent()->pause_container(container_id, call_deadline);
  container->first->set_paused(true);
  impl_->write_state(*container, oci::Status::paused);
}

void Sandbox::resume(const std::string& container_id) {
  const auto container = impl_->find(container_id);
  if (container->first->state().status != ProcessStatus::paused)
    throw Error(ErrorCode::failed_precondition, "container not paused");
  impl_->need_agent()->resume_container(container_id, call_deadline);
  container->first->set_paused(false);
  impl_->write_state(*container,
                     container->first->ever_started() ? oci::Status::running : oci::Status::created);
}

void Sandbox::update(const std::string& container_id, const std::string& resources_json) {
  const auto container = impl_->find(container_id);
  refuse_stopped(*container->first);
  const auto agent = impl_->need_agent();
  const std::lock_guard lock(container->resources_mutex);
  auto limits = container->resources;
  const auto changes = merge_resources(limits, resources_json, [&] { return impl_->count_cpus(*agent); });
  if (changes_device_rules(resources_json, container->device_rules))
    impl_->log(LogLevel::warning,
               "container " + container_id +
                   ": device rules of an update have no effect; they are settled when it is "
                   "created");
  impl_->cgroup->limit(BlockIo(parse_resources(resources_json)));
  if (changes.empty()) return;
  agent->update_container(container_id, boost::json::serialize(changes), call_deadline);
  container->resources = std::move(limits);
}

VolumeStats Sandbox::volume_stats(const std::string& container_id, const std::string& path) {
  return impl_->volume_stats(container_id, path);
}

void Sandbox::grow_volume(const std::string& container_id, const std::string& path, std::uint64_t bytes) {
  impl_->grow_volume(container_id, path, bytes);
}

ContainerStats Sandbox::stats(const std::string& container_id) {
  constexpr int most_interfaces = 256;
  refuse_stopped(*impl_->find(container_id)->first);
  const auto reply = impl_->need_agent()->stats_container(container_id, call_deadline);
  ContainerStats stats;
  for (const auto& [name, content] : reply.cgroup())
    stats.cgroup.emplace(name, content);
  for (const auto& link : reply.interfaces()) {
    if (static_cast<int>(stats.interfaces.size()) == most_interfaces) break;
    stats.interfaces.push_back({link.name().substr(0, 15), link.rx_bytes(), link.rx_packets(),
                                link.rx_errors(), link.rx_dropped(), link.tx_bytes(), link.tx_packets(),
                                link.tx_errors(), link.tx_dropped()});
  }
  return stats;
}

void Sandbox::checkpoint(const std::string& container_id) {
  refuse_stopped(*impl_->find(container_id)->first);
  plugin::require_savable(impl_->registry->list(), impl_->config->runtime().storage, "checkpoint container",
                          container_id);
  throw Error(ErrorCode::unimplemented, "checkpoint container", container_id)
      .because("virtual machines cannot be saved yet");
}

bool Sandbox::empty() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->containers.empty();
}

void Sandbox::shutdown() noexcept {
  try {
    impl_->lose_processes();
  } catch (const std::exception&) {
  }
  // A create at work has the next lock until its guest has answered.
  std::shared_ptr<PodVm> starting;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->unwanted = true;
    if (impl_->starting) starting = impl_->vm;
  }
  if (starting) starting->give_up();
  starting.reset();
  const std::lock_guard structural(impl_->structure);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->containers.clear();
  }
  impl_->remove_pod();
}

Timeline& Sandbox::timeline() {
  return impl_->timeline;
}

} // namespace nacre::sandbox
