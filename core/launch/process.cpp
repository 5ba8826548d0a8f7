#include "launch/process.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <utility>

namespace nacre::launch {
namespace {

int send_signal(int pidfd, int number) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0));
}

ExitStatus status_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {info.si_status, 0};
  return {0, info.si_status};
}

} // namespace

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), child_(std::exchange(other.child_, 0)),
      child_pidfd_(std::move(other.child_pidfd_)), program_pidfd_(std::move(other.program_pidfd_)),
      status_(std::exchange(other.status_, {})) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  end();
  pid_ = std::exchange(other.pid_, 0);
  child_ = std::exchange(other.child_, 0);
  child_pidfd_ = std::move(other.child_pidfd_);
  program_pidfd_ = std::move(other.program_pidfd_);
  status_ = std::exchange(other.status_, {});
  return *this;
}

Process::~Process() {
  end();
}

void Process::end() noexcept {
  if (!child_pidfd_ || status_) return;
  // The program first: its parent then ends by itself, with the program's status.
  if (program_pidfd_) send_signal(program_pidfd_.get(), SIGKILL);
  send_signal(child_pidfd_.get(), SIGKILL);
  try {
    wait();
  } catch (const Error&) { // somebody else has reaped it
  }
}

void Process::signal(int number) const {
  if (send_signal(pidfd(), number) < 0 && errno != ESRCH)
    throw_errno("send signal " + std::to_string(number) + " to process", std::to_string(pid_));
}

std::optional<ExitStatus> Process::reap(int wait_flags) {
  if (status_) return status_;
  siginfo_t info{};
  int result;
  while ((result = ::waitid(P_PIDFD, static_cast<id_t>(child_pidfd_.get()), &info, WEXITED | wait_flags)) <
             0 &&
         errno == EINTR) {
  }
  check_errno(result, "wait for process", std::to_string(pid_));
  if (info.si_pid == 0) return {};
  status_ = status_of(info);
  if (program_pidfd_) { // where its parent was killed alone, the program would stay
    send_signal(program_pidfd_.get(), SIGKILL);
    pollfd ended{program_pidfd_.get(), POLLIN, 0};
    while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
    }
  }
  return status_;
}

ExitStatus Process::wait() {
  return *reap(0);
}

std::optional<ExitStatus> Process::try_wait() {
  return reap(WNOHANG);
}

} // namespace nacre::launch
