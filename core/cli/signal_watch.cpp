#include "cli/signal_watch.hpp"

#include "base/error.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

sigset_t deadly_set() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : SignalWatch::deadly)
    ::sigaddset(&set, signal);
  return set;
}

} // namespace

SignalWatch::SignalWatch() : SignalWatch(deadly_set()) {}

SignalWatch::SignalWatch(const sigset_t& signals) {
  ::sigprocmask(SIG_BLOCK, &signals, &before_);
  fd_ = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (fd_) return;
  const int failure = errno;
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  throw Error::from_errno(failure, "watch for signals");
}

SignalWatch::~SignalWatch() {
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> SignalWatch::take() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void die_of(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  ::_exit(128 + signal);
}

} // namespace nacre::cli
