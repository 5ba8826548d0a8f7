// How containers and execs go: by Task.Delete, with the connection that they end with, and all at the end.
#include "base/error.hpp"
#include "shim/rootfs_mounts.hpp"
#include "shim/task_service.hpp"

#include "ttrpc/proto/events.pb.h"

#include <csignal>
#include <future>
#include <spdlog/spdlog.h>

namespace nacre::shim {
namespace {

// After SIGKILL. The guest may be stopped or gone; whoever cannot end one process in that time ends the
// sandbox.
constexpr auto kill_patience = std::chrono::seconds(10);

Event delete_event(const sandbox::ProcessState& state) {
  containerd::events::TaskDelete event;
  event.set_container_id(state.container_id);
  event.set_pid(static_cast<std::uint32_t>(state.pid));
  event.set_exit_status(state.exit_status);
  *event.mutable_exited_at() = to_timestamp(state.exited_at);
  return make_event("/tasks/delete", event);
}

// False: the process still lives.
bool kill_and_wait(sandbox::Sandbox& sandbox, const std::string& id, const std::string& exec_id) {
  auto ended = std::make_shared<std::promise<void>>();
  auto future = ended->get_future();
  sandbox.on_exit(id, exec_id, [ended](const sandbox::ProcessState&) { ended->set_value(); });
  try {
    sandbox.kill(id, exec_id, SIGKILL, exec_id.empty());
  } catch (const Error& error) { // it has ended already, or the wait below says that it has not
    spdlog::debug("{}", error.what());
  }
  return future.wait_for(kill_patience) == std::future_status::ready;
}

} // namespace

Event exit_event(const sandbox::ProcessState& state) {
  containerd::events::TaskExit event;
  event.set_container_id(state.container_id);
  event.set_id(state.exec_id.empty() ? state.container_id : state.exec_id);
  event.set_pid(static_cast<std::uint32_t>(state.pid));
  event.set_exit_status(state.exit_status);
  *event.mutable_exited_at() = to_timestamp(state.exited_at);
  return make_event("/tasks/exit", event);
}

ttrpc::task::DeleteResponse TaskService::delete_process(const SandboxPointer& sandbox, const std::string& id,
                                                        const std::string& exec_id) {
  const auto state = sandbox->delete_process(id, exec_id);
  const bool whole = exec_id.empty();
  const bool ran = whole || state.pid != 0; // an exec that was added only has no end
  events_.removed({id, exec_id}, ran ? std::optional(exit_event(state)) : std::nullopt,
                  whole ? std::optional(delete_event(state)) : std::nullopt);
  if (whole)
    forget_task(id);
  else
    tasks_.take_process(id, exec_id);
  ttrpc::task::DeleteResponse response;
  response.set_pid(static_cast<std::uint32_t>(state.pid));
  response.set_exit_status(state.exit_status);
  *response.mutable_exited_at() = to_timestamp(state.exited_at);
  changed_();
  return response;
}

// What was made around a container that is gone from the sandbox.
void TaskService::forget_task(const std::string& id) noexcept {
  ooms_.forget(id);
  const auto record = tasks_.take(id);
  if (!record) return;
  if (!record->mounted_rootfs.empty()) {
    try {
      unmount_rootfs(record->mounted_rootfs);
    } catch (const Error& error) {
      spdlog::warn("{}", error.what());
    }
  }
  // `nacre delete` removes the folder at the command line.
  if (options_.door != Door::containerd) return;
  const std::lock_guard lock(mutex_);
  // The sandbox's journal lies in the folder of its first container.
  if (record->state_dir.path() != sandbox_state_dir_.path()) record->state_dir.remove_tree();
  if (tasks_.empty()) sandbox_state_dir_.remove_tree();
}

void TaskService::connection_closed(ttrpc::ConnectionId connection) {
  ooms_.connection_closed(connection);
  // containerd may restart and come back; what it created stays.
  if (options_.door == Door::containerd) return;
  auto orphans = tasks_.connection_closed(connection);
  if (orphans.creating.empty() && orphans.containers.empty() && orphans.execs.empty()) return;
  background_.submit([this, orphans = std::move(orphans)] { end_orphans(orphans); });
}

void TaskService::end_orphans(const TaskTable::Orphans& orphans) noexcept {
  const auto all = tasks_.ids();
  if (all.size() == 1 && orphans.creating.size() + orphans.containers.size() == 1) {
    spdlog::info("the creator of container {} has gone", all.front());
    end_everything();
    return;
  }
  // Those being created are ended by their call when it sees that it was cancelled.
  for (const auto& id : orphans.containers)
    end_container(id);
  for (const auto& [id, exec_id] : orphans.execs)
    end_exec(id, exec_id);
}

void TaskService::end_container(const std::string& id) noexcept {
  try {
    const auto sandbox = current_sandbox();
    if (!kill_and_wait(*sandbox, id, "")) spdlog::warn("container {} has not ended after SIGKILL", id);
    const auto record = tasks_.state_dir(id);
    delete_process(sandbox, id, "");
    record.remove_tree();
  } catch (const Error& error) {
    spdlog::warn("{}", error.what());
  }
}

void TaskService::end_exec(const std::string& id, const std::string& exec_id) noexcept {
  try {
    const auto sandbox = sandbox_of(id);
    if (!kill_and_wait(*sandbox, id, exec_id))
      spdlog::warn("exec {} of container {} has not ended", exec_id, id);
    delete_process(sandbox, id, exec_id);
  } catch (const Error& error) {
    spdlog::warn("{}", error.what());
  }
}

// The only container goes: faster with all of its sandbox than by itself. A create that is at work fails by
// it.
void TaskService::end_everything() noexcept {
  shutdown();
  for (const auto& id : tasks_.ids()) {
    const auto folder = tasks_.state_dir(id);
    forget_task(id);
    folder.remove_tree();
  }
  stop_();
}

void TaskService::shutdown() noexcept {
  SandboxPointer sandbox;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    sandbox = sandbox_;
  }
  if (sandbox) sandbox->shutdown();
}

} // namespace nacre::shim
