// The Task API of one sandbox: the same for containerd and for `nacre`, which differ in how stdio, options
// and state folders come (Door). Turns each call into one of sandbox::Sandbox and tells the events.
#pragma once

#include "sandbox/sandbox.hpp"
#include "shim/event_order.hpp"
#include "shim/oom_counter.hpp"
#include "shim/task_table.hpp"
#include "ttrpc/proto/nacre_task.pb.h"
#include "ttrpc/server.hpp"
#include "ttrpc/task_client.hpp"
#include "ttrpc/worker_pool.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace nacre::shim {

enum class Door { command_line, containerd };

struct TaskServiceOptions {
  Door door = Door::command_line;
  std::string namespace_name; // containerd's; empty at the command line
  std::string root;           // state folders are <root>/<id>
  std::string sandbox_id;
  std::string socket; // this sandbox's ttrpc socket
  // At the command line those of the process's own arguments; a Create's options come first.
  std::string config_file;
  bool systemd_cgroup = false;
};

class TaskService {
public:
  // `changed`: a container has gone, by a call or otherwise; `stop`: the process is to end. Both from any
  // thread.
  TaskService(TaskServiceOptions options, DescriptorSocket& descriptors, EventSink events,
              std::function<void()> changed, std::function<void()> stop);
  ~TaskService();
  TaskService(const TaskService&) = delete;
  TaskService& operator=(const TaskService&) = delete;

  void handle(ttrpc::Request request, ttrpc::Responder responder); // blocks while the call does
  void connection_closed(ttrpc::ConnectionId connection);          // does not block
  bool empty() const { return tasks_.empty(); }
  bool ever_created() const { return ever_created_; }

  // Ends all that is left; further creates fail. State folders stay for a later delete.
  void shutdown() noexcept;

private:
  using SandboxPointer = std::shared_ptr<sandbox::Sandbox>;

  std::string dispatch(const ttrpc::Request& request);

  ttrpc::task::CreateTaskResponse create(const ttrpc::task::CreateTaskRequest& request,
                                         ttrpc::ConnectionId connection);
  ttrpc::task::StartResponse start(const ttrpc::task::StartRequest& request);
  ttrpc::task::DeleteResponse remove(const ttrpc::task::DeleteRequest& request);
  ttrpc::task::StateResponse state(const ttrpc::task::StateRequest& request);
  ttrpc::task::PidsResponse pids(const ttrpc::task::PidsRequest& request);
  ttrpc::task::StatsResponse stats(const ttrpc::task::StatsRequest& request);
  ttrpc::task::ConnectResponse connect(const ttrpc::task::ConnectRequest& request);
  ttrpc::wire::Empty exec(const ttrpc::task::ExecProcessRequest& request, ttrpc::ConnectionId connection);
  ttrpc::wire::Empty kill(const ttrpc::task::KillRequest& request);
  ttrpc::wire::Empty resize_pty(const ttrpc::task::ResizePtyRequest& request);
  ttrpc::wire::Empty close_io(const ttrpc::task::CloseIORequest& request);
  ttrpc::wire::Empty update(const ttrpc::task::UpdateTaskRequest& request);
  ttrpc::wire::Empty pause(const ttrpc::task::PauseRequest& request);
  ttrpc::wire::Empty resume(const ttrpc::task::ResumeRequest& request);
  void wait(const ttrpc::task::WaitRequest& request, ttrpc::Responder responder);
  void wait_oom(const ttrpc::Request& request, ttrpc::Responder responder);
  nacre::task::v1::VolumeStatsResponse volume_stats(const nacre::task::v1::VolumeStatsRequest& request);
  nacre::task::v1::GrowVolumeResponse grow_volume(const nacre::task::v1::GrowVolumeRequest& request);
  nacre::task::v1::RawStatsResponse raw_stats(const nacre::task::v1::RawStatsRequest& request);
  void debug_console(const nacre::task::v1::DebugConsoleRequest& request, ttrpc::Responder responder);
  void end_process(ttrpc::Responder responder); // Task.Shutdown

  // task_create.cpp
  struct Creation;
  void prepare_creation(Creation& creation);
  int create_in_sandbox(Creation& creation);
  void undo_creation(Creation& creation) noexcept;
  SandboxPointer make_sandbox(const Creation& creation);
  sandbox::SandboxEvents sandbox_events();
  OwnedPath make_state_dir(const std::string& id, const std::string& bundle);
  DescriptorBundle take_bundle(const StdioUris& uris, const std::string& token);

  // task_ending.cpp
  ttrpc::task::DeleteResponse delete_process(const SandboxPointer& sandbox, const std::string& id,
                                             const std::string& exec_id);
  void forget_task(const std::string& id) noexcept;
  void end_orphans(const TaskTable::Orphans& orphans) noexcept;
  void end_container(const std::string& id) noexcept;
  void end_exec(const std::string& id, const std::string& exec_id) noexcept;
  void end_everything() noexcept;

  // Throws Error(not_found) unless the container exists.
  SandboxPointer sandbox_of(const std::string& id) const;
  SandboxPointer current_sandbox() const;

  const TaskServiceOptions options_;
  DescriptorSocket& descriptors_;
  EventOrder events_;
  OomCounter ooms_;
  std::function<void()> changed_, stop_;
  TaskTable tasks_;
  std::atomic<bool> ever_created_ = false;
  mutable std::mutex mutex_; // sandbox_, sandbox_state_dir_, ending_
  SandboxPointer sandbox_;
  OwnedPath sandbox_state_dir_; // of its first container: the journal is there until the sandbox ends
  bool ending_ = false;
  ttrpc::WorkerPool background_{2};
};

// How engines see a process's end.
Event exit_event(const sandbox::ProcessState& state);
ttrpc::wire::Timestamp to_timestamp(std::chrono::system_clock::time_point time);

} // namespace nacre::shim
