#include "spawn.hpp"

#include "error.hpp"
#include "unique_fd.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

// What systemd, and engines under it, give to services: programs that use select(2) stay safe, servers raise
// the soft limit themselves. The kernel's own hard limit for init, 4096, is too low for them.
constexpr rlimit child_files = {1024, 524288};
constexpr rlimit own_files = {65536, 524288};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const auto& text : strings)
    out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

struct ChildPlan {
  char* const* argv;
  char* const* environment;
  const std::vector<UniqueFd>& fds; // become 0, 1, ...
  bool controlling_terminal;
};

// Runs on the parent's memory (vfork), so it only makes system calls and leaves errno as its one output.
[[noreturn]] void run_child(const ChildPlan& plan, int& error) {
  ::setsid();
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
  }
  // All sources are above all targets (see spawn), so no dup2 can overwrite one that is still needed.
  for (std::size_t target = 0; target < plan.fds.size(); ++target)
    ::dup2(plan.fds[target].get(), static_cast<int>(target));
  ::syscall(SYS_close_range, static_cast<unsigned>(plan.fds.size()), ~0U, CLOSE_RANGE_CLOEXEC);
  if (plan.controlling_terminal) ::ioctl(0, TIOCSCTTY, 0);
  ::setrlimit(RLIMIT_NOFILE, &child_files);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.argv[0], plan.argv, plan.environment);
  error = errno;
  ::_exit(127);
}

// A copy of a descriptor at `least` or above, close-on-exec.
UniqueFd raised(int fd, std::size_t least) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(least)));
  if (!copy) throw system_error("cannot duplicate a descriptor for", "a program");
  return copy;
}

} // namespace

pid_t spawn(const SpawnPlan& plan) {
  const auto targets = plan.stdio.size() + plan.more.size();
  std::vector<UniqueFd> sources;
  for (const int fd : plan.stdio) {
    if (fd >= 0) {
      sources.push_back(raised(fd, targets));
    } else {
      const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
      if (!null) throw system_error("cannot open", "/dev/null");
      sources.push_back(raised(null.get(), targets));
    }
  }
  for (const int fd : plan.more)
    sources.push_back(raised(fd, targets));

  const auto argv = pointers(plan.argv);
  const auto environment = pointers(plan.environment);
  const ChildPlan child{argv.data(), environment.data(), sources, plan.controlling_terminal};
  volatile int error = 0;
  // No signal handler of this process may run in the child, on the parent's stack.
  sigset_t all;
  sigset_t old;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &old);
  const pid_t pid = ::vfork();
  if (pid == 0) run_child(child, const_cast<int&>(error));
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) throw system_error("cannot start", plan.argv[0], fork_error);
  if (error != 0) throw system_error("cannot start", plan.argv[0], error); // the reaper collects the child
  return pid;
}

void raise_own_limits() {
  ::setrlimit(RLIMIT_NOFILE, &own_files);
}

} // namespace nacre::agent
