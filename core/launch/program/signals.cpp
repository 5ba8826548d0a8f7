#include "launch/program/signals.hpp"

#include "launch/program/orders.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::launch {

int catch_signals() {
  const std::uint64_t all = ~0ull;
  if (::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof(all)) < 0) fail("signals", {}, errno);
  const std::uint64_t wanted = all & ~(1ull << (SIGCHLD - 1));
  const int fd =
      static_cast<int>(::syscall(SYS_signalfd4, -1, &wanted, sizeof(wanted), SFD_CLOEXEC | SFD_NONBLOCK));
  if (fd < 0) fail("signals", {}, errno);
  return fd;
}

ReceivedSignal read_signal(int signals) {
  signalfd_siginfo info;
  if (::read(signals, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return {};
  return {static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
}

} // namespace nacre::launch
