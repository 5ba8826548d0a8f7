#include "journal/core_undo.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "journal/folder_removal.hpp"
#include "journal/proto/core_undo.pb.h"
#include "systemd/manager.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <set>
#include <string_view>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <vector>

namespace nacre::journal {
namespace {

namespace fs = std::filesystem;

constexpr int patience_ms = 10000; // a killed process in uninterruptible sleep

Record to_record(const char* name, const CoreUndo& undo) {
  return Record{0, core_kind, name, std::to_string(format_version), undo.SerializeAsString()};
}

UniqueFd open_process(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

void kill_and_wait(int pidfd, const std::string& object) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) < 0 && errno != ESRCH)
    throw_errno("kill process", object);
  pollfd ended{pidfd, POLLIN, 0};
  int ready;
  while ((ready = ::poll(&ended, 1, patience_ms)) < 0 && errno == EINTR) {
  }
  if (ready <= 0)
    throw Error(ErrorCode::deadline_exceeded, "kill process", object)
        .because("it did not end within " + std::to_string(patience_ms / 1000) + " seconds");
}

void undo(const CoreUndo::KillProcess& change) {
  const ProcessIdentity identity{static_cast<pid_t>(change.pid()), change.start_ticks()};
  // The descriptor first: what is compared afterwards is then the process that it names.
  const UniqueFd pidfd = open_process(identity.pid);
  // A zombie is waited for as well: a large process's last thread frees its memory, and stays in its cgroups,
  // when the first one has long ended; the descriptor is readable after the last.
  if (!pidfd || !identity.in_process_table()) return;
  kill_and_wait(pidfd.get(), change.role() + " " + std::to_string(change.pid()));
}

// The process that a thread belongs to; 0: it has ended.
pid_t process_of(pid_t thread) {
  std::ifstream status("/proc/" + std::to_string(thread) + "/status");
  constexpr std::string_view key = "Tgid:";
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key)) return static_cast<pid_t>(std::atoi(line.c_str() + key.size()));
  return 0;
}

// By their threads: cgroup.procs is silent of a process whose threads are all exiting already
// (css_task_iter_next of the kernel), and while one of them still frees its memory the cgroup is busy.
std::set<pid_t> members_of(const fs::path& cgroup) {
  std::error_code error;
  const bool version_1 = fs::exists(cgroup / "tasks", error);
  std::ifstream file(cgroup / (version_1 ? "tasks" : "cgroup.threads"));
  std::set<pid_t> pids;
  for (pid_t thread; file >> thread;)
    pids.insert(process_of(thread));
  return pids;
}

void kill_members(const fs::path& cgroup) {
  // Again and again: they may have forked meanwhile. Each round ends processes, so this ends.
  for (int round = 0; round < 100; ++round) {
    bool found = false;
    for (const pid_t pid : members_of(cgroup)) {
      if (pid == ::getpid() || pid == 0) continue;
      const UniqueFd pidfd = open_process(pid);
      if (!pidfd) continue;
      kill_and_wait(pidfd.get(), std::to_string(pid));
      found = true;
    }
    if (!found) return;
  }
}

void remove_cgroup_tree(const fs::path& cgroup, bool kill) {
  std::error_code error;
  std::vector<fs::path> below;
  for (fs::directory_iterator entry(cgroup, error), end; !error && entry != end; entry.increment(error))
    if (entry->is_directory(error) && !entry->is_symlink(error)) below.push_back(entry->path());
  for (const auto& child : below)
    remove_cgroup_tree(child, kill);
  if (kill) kill_members(cgroup);
  if (::rmdir(cgroup.c_str()) < 0 && errno != ENOENT) throw_errno("remove cgroup", cgroup.string());
}

void undo(const CoreUndo::RemoveCgroup& change) {
  std::error_code error;
  if (fs::exists(change.path() + "/cgroup.procs", error))
    remove_cgroup_tree(change.path(), change.kill_members());
}

void undo(const CoreUndo::RemoveFile& change) {
  if (::unlink(change.path().c_str()) < 0 && errno != ENOENT && errno != ENOTDIR)
    throw_errno("remove", change.path());
}

void undo(const CoreUndo::RemoveFolder& change) {
  if (change.with_content()) return remove_folder_tree(change.path());
  if (::rmdir(change.path().c_str()) < 0 && errno != ENOENT && errno != ENOTDIR)
    throw_errno("remove", change.path());
}

void undo(const CoreUndo::Unmount& change) {
  if (::umount2(change.path().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
      errno != ENOENT)
    throw_errno("unmount", change.path());
}

void undo(const CoreUndo::StopUnit& change) {
  systemd::Manager::connect().stop(change.unit());
}

} // namespace

Record kill_process(const ProcessIdentity& process, const std::string& role) {
  CoreUndo undo;
  undo.mutable_kill_process()->set_pid(static_cast<std::uint32_t>(process.pid));
  undo.mutable_kill_process()->set_start_ticks(process.start_ticks);
  undo.mutable_kill_process()->set_role(role);
  return to_record("kill_process", undo);
}

Record remove_cgroup(const std::string& path, bool kill_members) {
  CoreUndo undo;
  undo.mutable_remove_cgroup()->set_path(path);
  undo.mutable_remove_cgroup()->set_kill_members(kill_members);
  return to_record("remove_cgroup", undo);
}

Record remove_file(const std::string& path) {
  CoreUndo undo;
  undo.mutable_remove_file()->set_path(path);
  return to_record("remove_file", undo);
}

Record remove_folder(const std::string& path, bool with_content) {
  CoreUndo undo;
  undo.mutable_remove_folder()->set_path(path);
  undo.mutable_remove_folder()->set_with_content(with_content);
  return to_record("remove_folder", undo);
}

Record unmount(const std::string& path) {
  CoreUndo undo;
  undo.mutable_unmount()->set_path(path);
  return to_record("unmount", undo);
}

Record stop_unit(const std::string& unit) {
  CoreUndo undo;
  undo.mutable_stop_unit()->set_unit(unit);
  return to_record("stop_unit", undo);
}

bool ends_process(const Record& record) {
  CoreUndo change;
  return record.kind == core_kind && change.ParseFromString(record.bytes) && change.has_kill_process();
}

void undo_core(const Record& record) {
  CoreUndo change;
  if (record.kind != core_kind || !change.ParseFromString(record.bytes))
    throw Error(ErrorCode::invalid_argument, "undo record", record.kind + "/" + record.name)
        .because("not one of the core's");
  switch (change.change_case()) {
  case CoreUndo::kKillProcess:
    return undo(change.kill_process());
  case CoreUndo::kRemoveCgroup:
    return undo(change.remove_cgroup());
  case CoreUndo::kRemoveFile:
    return undo(change.remove_file());
  case CoreUndo::kRemoveFolder:
    return undo(change.remove_folder());
  case CoreUndo::kUnmount:
    return undo(change.unmount());
  case CoreUndo::kStopUnit:
    return undo(change.stop_unit());
  case CoreUndo::CHANGE_NOT_SET:
    break;
  }
  throw Error(ErrorCode::unimplemented, "undo record", record.name)
      .because("unknown kind of change")
      .hint("it was written by a newer release: delete with that one");
}

} // namespace nacre::journal
