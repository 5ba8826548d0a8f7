// Where the kernel would clear the parent-death signal (an exec that changes the label) or the plan's process
// has to be a child (a new pid namespace), nacre-launch stays as its parent.
#include "launch/plan_fields.hpp"
#include "launch/program/signals.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <csignal>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

int open_pidfd(pid_t pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) fail("supervise", {}, errno);
  return fd;
}

void close_all_but(int first, int second, int third) {
  for (unsigned fd = 0; fd <= 2; ++fd)
    ::close(static_cast<int>(fd));
  int keep[] = {first, second, third};
  unsigned start = 0;
  for (int round = 0; round < 3; ++round) { // in rising order
    int lowest = -1;
    for (const int fd : keep)
      if (fd >= static_cast<int>(start) && (lowest < 0 || fd < lowest)) lowest = fd;
    if (lowest > static_cast<int>(start))
      ::syscall(SYS_close_range, start, static_cast<unsigned>(lowest - 1), 0u);
    start = static_cast<unsigned>(lowest) + 1;
  }
  ::syscall(SYS_close_range, start, ~0u, 0u);
}

[[noreturn]] void end_like(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status)) _exit(WEXITSTATUS(status));
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  default_signals();
  ::kill(::getpid(), WTERMSIG(status));
  _exit(128 + WTERMSIG(status));
}

[[noreturn]] void stand_by(pid_t child, int child_fd, int parent_fd, int signals, int death_signal) {
  pollfd waits[] = {{child_fd, POLLIN, 0}, {signals, POLLIN, 0}, {parent_fd, POLLIN, 0}};
  if (death_signal == 0) waits[2].fd = -1;
  for (;;) {
    if (::poll(waits, 3, -1) < 0) continue;
    if (waits[0].revents) end_like(child);
    if (waits[1].revents) {
      const ReceivedSignal received = read_signal(signals);
      if (received.number) ::syscall(SYS_pidfd_send_signal, child_fd, received.number, nullptr, 0);
    }
    if (waits[2].revents) {
      ::syscall(SYS_pidfd_send_signal, child_fd, death_signal, nullptr, 0);
      waits[2].fd = -1; // said once
    }
  }
}

} // namespace

bool needs_supervisor(Message plan) {
  return (number_of(plan, PlanField::unshare) & CLONE_NEWPID) != 0 ||
         has(plan, PlanField::selinux_exec_label) || has(plan, PlanField::apparmor_exec_profile);
}

void supervise(Orders& orders, Anchors& anchors) {
  const int self = open_pidfd(::getpid());
  const int signals = catch_signals();
  const pid_t child = ::fork();
  if (child < 0) fail("supervise", {}, errno);
  if (child == 0) {
    ::close(signals);
    ::close(anchors.parent);
    anchors.parent = self;
    default_signals();
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) fail("supervise", {}, errno);
    if (::setsid() < 0) fail("supervise", {}, errno);
    return;
  }
  const int child_fd = open_pidfd(child);
  send_reply(ReplyKind::supervised, &child_fd, 1);
  const auto death_signal = static_cast<int>(number_of(orders.plan, PlanField::parent_death_signal));
  close_all_but(child_fd, anchors.parent, signals);
  stand_by(child, child_fd, anchors.parent, signals, death_signal);
}

} // namespace nacre::launch
