#include "shim/task_service.hpp"

#include "base/error.hpp"
#include "oci/container_id.hpp"
#include "shim/guest_metrics.hpp"
#include "shim/task_options.hpp"
#include "ttrpc/proto/events.pb.h"
#include "ttrpc/proto/runc.pb.h"

#include <csignal>
#include <unistd.h>

namespace nacre::shim {
namespace {

namespace task = ttrpc::task;

template <typename Message> Message parse(const ttrpc::Request& request) {
  Message message;
  if (!message.ParseFromString(request.payload))
    throw Error(ErrorCode::invalid_argument, "read request", request.method)
        .because("it is no " + message.GetTypeName());
  return message;
}

containerd::v1::types::Status to_wire(sandbox::ProcessStatus status) {
  switch (status) {
  case sandbox::ProcessStatus::created:
    return containerd::v1::types::CREATED;
  case sandbox::ProcessStatus::running:
    return containerd::v1::types::RUNNING;
  case sandbox::ProcessStatus::stopped:
    return containerd::v1::types::STOPPED;
  case sandbox::ProcessStatus::paused:
    return containerd::v1::types::PAUSED;
  }
  return containerd::v1::types::UNKNOWN;
}

Event start_event(const task::StartRequest& request, int pid) {
  if (request.exec_id().empty()) {
    containerd::events::TaskStart event;
    event.set_container_id(request.id());
    event.set_pid(static_cast<std::uint32_t>(pid));
    return make_event("/tasks/start", event);
  }
  containerd::events::TaskExecStarted event;
  event.set_container_id(request.id());
  event.set_exec_id(request.exec_id());
  event.set_pid(static_cast<std::uint32_t>(pid));
  return make_event("/tasks/exec-started", event);
}

template <typename Message> Event container_event(const char* topic, const std::string& id) {
  Message event;
  event.set_container_id(id);
  return make_event(topic, event);
}

} // namespace

ttrpc::wire::Timestamp to_timestamp(std::chrono::system_clock::time_point time) {
  const auto since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  ttrpc::wire::Timestamp timestamp;
  timestamp.set_seconds(seconds.count());
  timestamp.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(since_epoch - seconds).count()));
  return timestamp;
}

TaskService::TaskService(TaskServiceOptions options, DescriptorSocket& descriptors, EventSink events,
                         std::function<void()> changed, std::function<void()> stop)
    : options_(std::move(options)), descriptors_(descriptors), events_(std::move(events)),
      changed_(std::move(changed)), stop_(std::move(stop)) {}

TaskService::~TaskService() = default;

void TaskService::handle(ttrpc::Request request, ttrpc::Responder responder) {
  if (request.method == "Wait") return wait(parse<task::WaitRequest>(request), std::move(responder));
  if (request.method == "DebugConsole")
    return debug_console(parse<nacre::task::v1::DebugConsoleRequest>(request), std::move(responder));
  if (request.method == "WaitOom") return wait_oom(request, std::move(responder));
  if (request.method == "Shutdown") return end_process(std::move(responder));
  responder.reply(dispatch(request));
}

std::string TaskService::dispatch(const ttrpc::Request& request) {
  const auto& method = request.method;
  const auto connection = request.connection;
  if (method == "State") return state(parse<task::StateRequest>(request)).SerializeAsString();
  if (method == "Create")
    return create(parse<task::CreateTaskRequest>(request), connection).SerializeAsString();
  if (method == "Start") return start(parse<task::StartRequest>(request)).SerializeAsString();
  if (method == "Delete") return remove(parse<task::DeleteRequest>(request)).SerializeAsString();
  if (method == "Pids") return pids(parse<task::PidsRequest>(request)).SerializeAsString();
  if (method == "Pause") return pause(parse<task::PauseRequest>(request)).SerializeAsString();
  if (method == "Resume") return resume(parse<task::ResumeRequest>(request)).SerializeAsString();
  if (method == "Kill") return kill(parse<task::KillRequest>(request)).SerializeAsString();
  if (method == "Exec") return exec(parse<task::ExecProcessRequest>(request), connection).SerializeAsString();
  if (method == "ResizePty") return resize_pty(parse<task::ResizePtyRequest>(request)).SerializeAsString();
  if (method == "CloseIO") return close_io(parse<task::CloseIORequest>(request)).SerializeAsString();
  if (method == "Update") return update(parse<task::UpdateTaskRequest>(request)).SerializeAsString();
  if (method == "Stats") return stats(parse<task::StatsRequest>(request)).SerializeAsString();
  if (method == "VolumeStats")
    return volume_stats(parse<nacre::task::v1::VolumeStatsRequest>(request)).SerializeAsString();
  if (method == "GrowVolume")
    return grow_volume(parse<nacre::task::v1::GrowVolumeRequest>(request)).SerializeAsString();
  if (method == "RawStats")
    return raw_stats(parse<nacre::task::v1::RawStatsRequest>(request)).SerializeAsString();
  if (method == "Connect") return connect(parse<task::ConnectRequest>(request)).SerializeAsString();
  if (method == "Checkpoint") {
    const auto id = parse<task::CheckpointTaskRequest>(request).id();
    sandbox_of(id)->checkpoint(id);
    return ttrpc::wire::Empty().SerializeAsString();
  }
  throw Error(ErrorCode::unimplemented, "call", method).because("the Task API has no such method");
}

TaskService::SandboxPointer TaskService::current_sandbox() const {
  const std::lock_guard lock(mutex_);
  if (!sandbox_) throw Error(ErrorCode::not_found, "find container").because("the sandbox is empty");
  return sandbox_;
}

TaskService::SandboxPointer TaskService::sandbox_of(const std::string& id) const {
  tasks_.require(id);
  return current_sandbox();
}

task::StartResponse TaskService::start(const task::StartRequest& request) {
  const auto sandbox = sandbox_of(request.id());
  const EventOrder::Key key{request.id(), request.exec_id()};
  int pid = 0;
  events_.hold(key);
  try {
    pid = request.exec_id().empty() ? sandbox->start_container(request.id())
                                    : sandbox->start_exec(request.id(), request.exec_id());
  } catch (...) {
    events_.release_failed(key, false);
    throw;
  }
  events_.release(key, start_event(request, pid));
  task::StartResponse response;
  response.set_pid(static_cast<std::uint32_t>(pid));
  return response;
}

task::DeleteResponse TaskService::remove(const task::DeleteRequest& request) {
  return delete_process(sandbox_of(request.id()), request.id(), request.exec_id());
}

task::StateResponse TaskService::state(const task::StateRequest& request) {
  const auto state = sandbox_of(request.id())->state(request.id(), request.exec_id());
  const auto uris = tasks_.uris(request.id(), request.exec_id());
  task::StateResponse response;
  response.set_id(request.exec_id().empty() ? request.id() : request.exec_id());
  response.set_bundle(tasks_.bundle(request.id()));
  response.set_pid(static_cast<std::uint32_t>(state.pid));
  response.set_status(to_wire(state.status));
  response.set_stdin(uris.in);
  response.set_stdout(uris.out);
  response.set_stderr(uris.err);
  response.set_terminal(uris.terminal);
  response.set_exec_id(request.exec_id());
  if (state.status == sandbox::ProcessStatus::stopped) {
    response.set_exit_status(state.exit_status);
    *response.mutable_exited_at() = to_timestamp(state.exited_at);
  }
  return response;
}

task::PidsResponse TaskService::pids(const task::PidsRequest& request) {
  task::PidsResponse response;
  for (const auto& process : sandbox_of(request.id())->pids(request.id())) {
    auto& info = *response.add_processes();
    info.set_pid(static_cast<std::uint32_t>(process.pid));
    if (process.exec_id.empty()) continue;
    containerd::runc::v1::ProcessDetails details;
    details.set_exec_id(process.exec_id);
    ttrpc::pack_any(*info.mutable_info(), details);
  }
  return response;
}

task::StatsResponse TaskService::stats(const task::StatsRequest& request) {
  task::StatsResponse response;
  ttrpc::pack_any(*response.mutable_stats(), guest_metrics(sandbox_of(request.id())->stats(request.id())));
  return response;
}

nacre::task::v1::VolumeStatsResponse
TaskService::volume_stats(const nacre::task::v1::VolumeStatsRequest& request) {
  const auto stats = sandbox_of(request.id())->volume_stats(request.id(), request.volume_path());
  nacre::task::v1::VolumeStatsResponse response;
  response.set_total_bytes(stats.total_bytes);
  response.set_free_bytes(stats.free_bytes);
  response.set_available_bytes(stats.available_bytes);
  response.set_total_inodes(stats.total_inodes);
  response.set_free_inodes(stats.free_inodes);
  return response;
}

nacre::task::v1::GrowVolumeResponse
TaskService::grow_volume(const nacre::task::v1::GrowVolumeRequest& request) {
  sandbox_of(request.id())->grow_volume(request.id(), request.volume_path(), request.bytes());
  return {};
}

nacre::task::v1::RawStatsResponse TaskService::raw_stats(const nacre::task::v1::RawStatsRequest& request) {
  const auto stats = sandbox_of(request.id())->stats(request.id());
  nacre::task::v1::RawStatsResponse response;
  response.mutable_cgroup()->insert(stats.cgroup.begin(), stats.cgroup.end());
  for (const auto& link : stats.interfaces) {
    auto& out = *response.add_interfaces();
    out.set_name(link.name);
    out.set_rx_bytes(link.rx_bytes);
    out.set_rx_packets(link.rx_packets);
    out.set_rx_errors(link.rx_errors);
    out.set_rx_dropped(link.rx_dropped);
    out.set_tx_bytes(link.tx_bytes);
    out.set_tx_packets(link.tx_packets);
    out.set_tx_errors(link.tx_errors);
    out.set_tx_dropped(link.tx_dropped);
  }
  return response;
}

void TaskService::wait_oom(const ttrpc::Request& request, ttrpc::Responder responder) {
  const auto wanted = parse<nacre::task::v1::WaitOomRequest>(request);
  sandbox_of(wanted.id()); // throws for an unknown one
  ooms_.wait(wanted.id(), wanted.after(), request.connection, std::move(responder));
}

// Answers for unknown containers too: containerd asks whether the shim lives.
task::ConnectResponse TaskService::connect(const task::ConnectRequest& request) {
  task::ConnectResponse response;
  response.set_shim_pid(static_cast<std::uint32_t>(::getpid()));
  try {
    response.set_task_pid(static_cast<std::uint32_t>(sandbox_of(request.id())->state(request.id(), "").pid));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_found) throw;
  }
  return response;
}

ttrpc::wire::Empty TaskService::exec(const task::ExecProcessRequest& request,
                                     ttrpc::ConnectionId connection) {
  const auto sandbox = sandbox_of(request.id());
  oci::check_id(request.exec_id(), "exec id");
  // At the command line `nacre exec` asks the user, who may insist.
  if (options_.door == Door::containerd &&
      sandbox->state(request.id(), "").status == sandbox::ProcessStatus::paused)
    throw Error(ErrorCode::failed_precondition, "cannot exec in a paused container");
  const auto options = read_exec_options(request.spec());
  const StdioUris uris{request.stdin(), request.stdout(), request.stderr(), request.terminal()};
  auto bundle = take_bundle(uris, options.fd_token());
  auto stdio = open_stdio(uris, bundle, {request.id(), options_.namespace_name});
  stdio.io.descriptors = take_descriptors(bundle, options.preserve_fds());

  ProcessRecord record;
  record.uris = uris;
  record.stdin_keeper = std::move(stdio.stdin_keeper);
  record.output_keepers = std::move(stdio.output_keepers);
  record.log_process = std::move(stdio.log_process);
  if (options.end_with_connection()) record.ends_with = connection;
  sandbox::ExecRequest exec;
  exec.container_id = request.id();
  exec.exec_id = request.exec_id();
  exec.process_json = options.process_json();
  exec.io = std::move(stdio.io);
  if (const auto control = bundle.find(ttrpc::slot_holder); control != bundle.end())
    exec.holder = launch::Holder::adopt(std::move(control->second));

  tasks_.add_process(request.id(), request.exec_id(), std::move(record));
  const EventOrder::Key key{request.id(), request.exec_id()};
  events_.hold(key);
  try {
    sandbox->add_exec(std::move(exec));
  } catch (...) {
    events_.release_failed(key, true);
    tasks_.take_process(request.id(), request.exec_id());
    throw;
  }
  containerd::events::TaskExecAdded event;
  event.set_container_id(request.id());
  event.set_exec_id(request.exec_id());
  events_.release(key, make_event("/tasks/exec-added", event));
  return {};
}

ttrpc::wire::Empty TaskService::kill(const task::KillRequest& request) {
  const auto sandbox = sandbox_of(request.id());
  if (request.signal() > static_cast<std::uint32_t>(SIGRTMAX))
    throw Error(ErrorCode::invalid_argument, "send signal", std::to_string(request.signal()))
        .because("no such signal");
  try {
    sandbox->kill(request.id(), request.exec_id(), static_cast<int>(request.signal()), request.all());
  } catch (const Error& error) {
    // Engines take "not found" for "it has ended meanwhile", and nothing else.
    if (error.code() != ErrorCode::failed_precondition ||
        sandbox->state(request.id(), request.exec_id()).status != sandbox::ProcessStatus::stopped)
      throw;
    throw Error(ErrorCode::not_found, "process already finished");
  }
  return {};
}

ttrpc::wire::Empty TaskService::resize_pty(const task::ResizePtyRequest& request) {
  sandbox_of(request.id())
      ->resize_pty(request.id(), request.exec_id(), static_cast<int>(std::min(request.height(), 0xffffu)),
                   static_cast<int>(std::min(request.width(), 0xffffu)));
  return {};
}

ttrpc::wire::Empty TaskService::close_io(const task::CloseIORequest& request) {
  const auto sandbox = sandbox_of(request.id());
  if (request.stdin() && !tasks_.close_stdin_keeper(request.id(), request.exec_id()))
    sandbox->close_stdin(request.id(), request.exec_id());
  return {};
}

ttrpc::wire::Empty TaskService::update(const task::UpdateTaskRequest& request) {
  sandbox_of(request.id())->update(request.id(), request.resources().value());
  return {};
}

ttrpc::wire::Empty TaskService::pause(const task::PauseRequest& request) {
  sandbox_of(request.id())->pause(request.id());
  events_.tell(container_event<containerd::events::TaskPaused>("/tasks/paused", request.id()));
  return {};
}

ttrpc::wire::Empty TaskService::resume(const task::ResumeRequest& request) {
  sandbox_of(request.id())->resume(request.id());
  events_.tell(container_event<containerd::events::TaskResumed>("/tasks/resumed", request.id()));
  return {};
}

void TaskService::wait(const task::WaitRequest& request, ttrpc::Responder responder) {
  sandbox_of(request.id())
      ->on_exit(request.id(), request.exec_id(), [responder](const sandbox::ProcessState& state) {
        task::WaitResponse response;
        response.set_exit_status(state.exit_status);
        *response.mutable_exited_at() = to_timestamp(state.exited_at);
        responder.reply(response.SerializeAsString());
      });
}

void TaskService::debug_console(const nacre::task::v1::DebugConsoleRequest& request,
                                ttrpc::Responder responder) {
  const auto sandbox = sandbox_of(request.id());
  auto bundle = descriptors_.take(request.fd_token());
  auto socket = bundle.find(ttrpc::slot_stdin);
  if (socket == bundle.end())
    throw Error(ErrorCode::invalid_argument, "open the debug console of container", request.id())
        .because("no socket came with the call");
  sandbox->open_debug_console(request.id(), std::move(socket->second), request.rows(), request.columns(),
                              [responder](const std::optional<Error>& error) {
                                if (error)
                                  responder.fail(*error);
                                else
                                  responder.reply({});
                              });
}

void TaskService::end_process(ttrpc::Responder responder) {
  responder.reply({});
  if (tasks_.empty()) stop_();
}

} // namespace nacre::shim
