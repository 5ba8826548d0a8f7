// Step 1, and the working folder.
#include "launch/plan_fields.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <csignal>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

// The kernel's own struct: the C library's functions refuse the two signals that it keeps for itself.
struct KernelAction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  std::uint64_t mask;
};

} // namespace

void default_signals() {
  const KernelAction action{SIG_DFL, 0, nullptr, 0};
  for (int number = 1; number <= 64; ++number) // EINVAL for SIGKILL and SIGSTOP
    ::syscall(SYS_rt_sigaction, number, &action, nullptr, sizeof(action.mask));
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof(none));
}

void start_session(Message plan) {
  if (::setsid() < 0) fail("session", {}, errno);
  default_signals();
  const auto mask = static_cast<mode_t>(number_of(plan, PlanField::umask));
  ::umask(mask ? mask : 0022);
}

void change_folder(Message plan) {
  const auto cwd = text_of(plan, PlanField::cwd);
  if (::chdir(cwd.empty() ? "/" : c_string(cwd)) < 0) fail("cwd", cwd, errno);
}

} // namespace nacre::launch
