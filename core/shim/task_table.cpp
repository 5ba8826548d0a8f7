#include "shim/task_table.hpp"

#include "base/error.hpp"

namespace nacre::shim {
namespace {

Error no_container(const std::string& id) {
  return Error(ErrorCode::not_found, "find container", id);
}

} // namespace

void TaskTable::reserve(const std::string& id, TaskRecord record) {
  const std::lock_guard lock(mutex_);
  if (!tasks_.emplace(id, std::move(record)).second)
    throw Error(ErrorCode::already_exists, "create container", id).because("a container with this id exists");
}

bool TaskTable::finish_create(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto& task = tasks_.at(id);
  task.creating = false;
  return !task.cancelled;
}

bool TaskTable::cancelled(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  return found == tasks_.end() || found->second.cancelled;
}

void TaskTable::require(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || found->second.creating) throw no_container(id);
}

void TaskTable::set_places(const std::string& id, OwnedPath state_dir, std::string mounted_rootfs) {
  const std::lock_guard lock(mutex_);
  auto& task = tasks_.at(id);
  task.state_dir = std::move(state_dir);
  task.mounted_rootfs = std::move(mounted_rootfs);
}

OwnedPath TaskTable::state_dir(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? OwnedPath() : found->second.state_dir;
}

void TaskTable::add_process(const std::string& id, const std::string& exec_id, ProcessRecord record) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) throw no_container(id);
  if (!found->second.processes.emplace(exec_id, std::move(record)).second)
    throw Error(ErrorCode::already_exists, "add process", exec_id).because("a process with this id exists");
}

const ProcessRecord& TaskTable::find_process(const std::string& id, const std::string& exec_id) const {
  const auto task = tasks_.find(id);
  if (task == tasks_.end()) throw no_container(id);
  const auto process = task->second.processes.find(exec_id);
  if (process == task->second.processes.end())
    throw Error(ErrorCode::not_found, "find process", exec_id).because("the container has no such process");
  return process->second;
}

StdioUris TaskTable::uris(const std::string& id, const std::string& exec_id) const {
  const std::lock_guard lock(mutex_);
  return find_process(id, exec_id).uris;
}

std::string TaskTable::bundle(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) throw no_container(id);
  return found->second.bundle;
}

bool TaskTable::close_stdin_keeper(const std::string& id, const std::string& exec_id) {
  const std::lock_guard lock(mutex_);
  const auto& process = find_process(id, exec_id);
  if (!process.uris.in.empty() && !process.uris.in.starts_with("fd://")) {
    tasks_.at(id).processes.at(exec_id).stdin_keeper.reset();
    return true;
  }
  return false;
}

void TaskTable::drop_keepers(const std::string& id, const std::string& exec_id) {
  const std::lock_guard lock(mutex_);
  const auto task = tasks_.find(id);
  if (task == tasks_.end()) return;
  const auto process = task->second.processes.find(exec_id);
  if (process == task->second.processes.end()) return;
  process->second.stdin_keeper.reset();
  process->second.output_keepers.clear();
}

std::optional<ProcessRecord> TaskTable::take_process(const std::string& id, const std::string& exec_id) {
  const std::lock_guard lock(mutex_);
  const auto task = tasks_.find(id);
  if (task == tasks_.end()) return std::nullopt;
  auto node = task->second.processes.extract(exec_id);
  if (!node) return std::nullopt;
  return std::move(node.mapped());
}

std::optional<TaskRecord> TaskTable::take(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto node = tasks_.extract(id);
  if (!node) return std::nullopt;
  return std::move(node.mapped());
}

std::vector<std::string> TaskTable::ids() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, task] : tasks_)
    ids.push_back(id);
  return ids;
}

bool TaskTable::empty() const {
  const std::lock_guard lock(mutex_);
  return tasks_.empty();
}

TaskTable::Orphans TaskTable::connection_closed(ttrpc::ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  Orphans orphans;
  for (auto& [id, task] : tasks_) {
    if (task.creating && task.creator == connection) {
      task.cancelled = true;
      orphans.creating.push_back(id);
    } else if (task.ends_with == connection) {
      orphans.containers.push_back(id);
    } else {
      for (const auto& [exec_id, process] : task.processes)
        if (process.ends_with == connection) orphans.execs.emplace_back(id, exec_id);
    }
  }
  return orphans;
}

} // namespace nacre::shim
