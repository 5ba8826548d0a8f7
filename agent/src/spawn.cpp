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
  std::array<int, 4> fds;
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
  // All sources are above 3 (see spawn), so no dup2 can overwrite one that is still needed.
  for (int target = 0; target < static_cast<int>(plan.fds.size()); ++target) {
    if (plan.fds[static_cast<std::size_t>(target)] >= 0) {
      ::dup2(plan.fds[static_cast<std::size_t>(target)], target);
    }
  }
  const unsigned first_closed = plan.fds[3] >= 0 ? 4 : 3;
  ::syscall(SYS_close_range, first_closed, ~0U, CLOSE_RANGE_CLOEXEC);
  if (plan.controlling_terminal) ::ioctl(0, TIOCSCTTY, 0);
  ::setrlimit(RLIMIT_NOFILE, &child_files);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.argv[0], plan.argv, plan.environment);
  error = errno;
  ::_exit(127);
}

// A copy of a descriptor at 10 or above, close-on-exec.
UniqueFd raised(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
  if (!copy) throw system_error("cannot duplicate a descriptor for", "a program");
  return copy;
}

} // namespace

pid_t spawn(const SpawnPlan& plan) {
  std::array<UniqueFd, 4> sources;
  for (std::size_t i = 0; i < plan.stdio.size(); ++i) {
    if (plan.stdio[i] >= 0) {
      sources[i] = raised(plan.stdio[i]);
    } else {
      const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
      if (!null) throw system_error("cannot open", "/dev/null");
      sources[i] = raised(null.get());
    }
  }
  if (plan.extra >= 0) sources[3] = raised(plan.extra);

  const auto argv = pointers(plan.argv);
  const auto environment = pointers(plan.environment);
  const ChildPlan child{argv.data(),
                        environment.data(),
                        {sources[0].get(), sources[1].get(), sources[2].get(), sources[3].get()},
                        plan.controlling_terminal};
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
