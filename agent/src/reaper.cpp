#include "reaper.hpp"

#include <csignal>
#include <optional>
#include <sys/wait.h>

namespace nacre::agent {

std::uint32_t exit_status_of(int wait_status) {
  if (WIFSIGNALED(wait_status)) return 128U + static_cast<std::uint32_t>(WTERMSIG(wait_status));
  return static_cast<std::uint32_t>(WEXITSTATUS(wait_status));
}

void Reaper::block_child_signal() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void Reaper::run() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  while (true) {
    collect(); // first: children may have ended before this thread got here
    ::sigwaitinfo(&set, nullptr);
  }
}

void Reaper::collect() {
  while (true) {
    ExitHandler handler;
    std::uint32_t status = 0;
    {
      // waitpid under the lock: run_program must have its handler in place before its child can be collected.
      const std::lock_guard lock(mutex_);
      int wait_status = 0;
      const pid_t pid = ::waitpid(-1, &wait_status, WNOHANG | __WALL);
      if (pid <= 0) return;
      status = exit_status_of(wait_status);
      const auto found = watched_.find(pid);
      if (found == watched_.end()) {
        if (births_ > 0) unwatched_ends_[pid] = status;
        continue;
      }
      handler = std::move(found->second);
      watched_.erase(found);
    }
    handler(status);
  }
}

std::uint32_t Reaper::run_program(const SpawnPlan& plan) {
  std::unique_lock lock(mutex_);
  std::optional<std::uint32_t> status;
  watched_[spawn(plan)] = [&](std::uint32_t end) {
    const std::lock_guard inner(mutex_);
    status = end;
    programs_changed_.notify_all();
  };
  programs_changed_.wait(lock, [&] { return status.has_value(); });
  return *status;
}

void Reaper::watch(pid_t pid, ExitHandler handler) {
  std::uint32_t status = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto ended = unwatched_ends_.find(pid);
    if (ended == unwatched_ends_.end()) {
      watched_[pid] = std::move(handler);
      return;
    }
    status = ended->second;
    unwatched_ends_.erase(ended);
  }
  handler(status);
}

Reaper::Births::Births(Reaper& reaper) : reaper_(reaper) {
  const std::lock_guard lock(reaper_.mutex_);
  ++reaper_.births_;
}

Reaper::Births::~Births() {
  const std::lock_guard lock(reaper_.mutex_);
  if (--reaper_.births_ == 0) reaper_.unwatched_ends_.clear();
}

} // namespace nacre::agent
