#include "vmm_process.hpp"

#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/wait.h>

namespace nacre::qemu {

bool VmmProcess::wait_for_exit(int milliseconds) const {
  pollfd set{process_.pidfd, POLLIN, 0};
  while (true) {
    const int ready = ::poll(&set, 1, milliseconds);
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) throw sdk::Error::from_errno(errno, "wait for QEMU's end");
  }
}

void VmmProcess::kill() const noexcept {
  try {
    host_.signal_process(process_.pid, SIGKILL);
  } catch (const std::exception& failure) {
    if (!has_exited()) host_.warning(std::string("cannot kill QEMU: ") + failure.what());
  }
}

std::optional<int> VmmProcess::exit_status() const {
  siginfo_t info{};
  // WNOWAIT: the process is the host's to reap.
  if (::waitid(P_PIDFD, static_cast<id_t>(process_.pidfd), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0)
    return std::nullopt;
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
  return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

std::string exit_words(std::optional<int> status) {
  if (!status) return "its exit status is not known";
  if (WIFEXITED(*status)) return "exit status " + std::to_string(WEXITSTATUS(*status));
  const char* name = ::sigdescr_np(WTERMSIG(*status));
  return "signal " + std::to_string(WTERMSIG(*status)) + " (" + (name ? name : "unknown") + ")";
}

} // namespace nacre::qemu
