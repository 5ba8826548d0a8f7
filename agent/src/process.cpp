#include "process.hpp"

#include <chrono>
#include <sys/syscall.h>

namespace nacre::agent {

void Process::set_pid(pid_t pid) {
  const std::lock_guard lock(mutex_);
  pid_ = pid;
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

pid_t Process::pid() const {
  const std::lock_guard lock(mutex_);
  return pid_;
}

void Process::set_ended() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  pidfd_.reset();
  ended_changed_.notify_all();
}

bool Process::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

bool Process::wait_ended(unsigned milliseconds) {
  std::unique_lock lock(mutex_);
  return ended_changed_.wait_for(lock, std::chrono::milliseconds(milliseconds), [this] { return ended_; });
}

void Process::signal(int number) {
  const std::lock_guard lock(mutex_);
  const auto gone = [this] {
    return Error(Code::not_found, exec_id_.empty() ? "container " + quoted(container_id_) + " is not running"
                                                   : "process " + quoted(exec_id_) + " in container " +
                                                         quoted(container_id_) + " has ended");
  };
  if (ended_ || !pidfd_) throw gone();
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0) return;
  if (errno == ESRCH) throw gone();
  throw system_error("cannot send signal " + std::to_string(number) + " to process", std::to_string(pid_));
}

} // namespace nacre::agent
