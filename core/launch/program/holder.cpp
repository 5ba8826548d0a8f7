// Holder mode: stands on the host for one process of the guest. Its argv, given by exec, is that process's.
#include "launch/holder_protocol.hpp"
#include "launch/plan_fields.hpp"
#include "launch/program/modes.hpp"
#include "launch/program/signals.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

constexpr int owner_gone = 137; // as if SIGKILL had ended the guest's process

void take_name(const char* argv0) {
  const char* slash = std::strrchr(argv0, '/');
  ::prctl(PR_SET_NAME, slash ? slash + 1 : argv0, 0, 0, 0); // the kernel cuts it to 15 bytes
}

void take_terminal(const Orders& orders) {
  if (!number_of(orders.plan, HolderPlanField::uses_terminal)) return;
  if (::ioctl(received_fd(orders, 0, "terminal"), TIOCSCTTY, 0) < 0) fail("terminal", {}, errno);
}

void join_network(Message plan) {
  const auto path = text_of(plan, HolderPlanField::netns_path);
  if (!path.empty()) {
    const int file = ::open(c_string(path), O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("network-namespace", path, errno);
    if (::setns(file, CLONE_NEWNET) < 0) fail("network-namespace", path, errno);
    ::close(file);
  }
  if (number_of(plan, HolderPlanField::new_netns) && ::unshare(CLONE_NEWNET) < 0)
    fail("network-namespace", "new", errno);
}

void take_host_name(Message plan) {
  const auto name = text_of(plan, HolderPlanField::hostname);
  if (name.empty()) return;
  if (::unshare(CLONE_NEWUTS) < 0 || ::sethostname(name.data(), name.size()) < 0)
    fail("hostname", name, errno);
}

void carry_out(const Orders& orders) {
  const Message plan = orders.plan;
  // Of its own with and without a terminal, as runc's init: a terminal's Ctrl-C goes to who runs in its
  // foreground.
  if (::setsid() < 0) fail("session", {}, errno);
  take_terminal(orders);
  join_cgroups(plan, HolderPlanField::cgroup_procs);
  set_oom_score(plan, HolderPlanField::oom_score_adj, HolderPlanField::set_oom_score_adj);
  enter_namespaces(orders, HolderPlanField::enter_namespaces);
  join_network(plan);
  take_host_name(plan);
  if (number_of(plan, HolderPlanField::new_ipc) && ::unshare(CLONE_NEWIPC) < 0) fail("ipc", {}, errno);
  if (::chdir("/") < 0) fail("cwd", "/", errno);
}

void tell(HolderMessageKind kind, std::uint32_t value, std::uint16_t rows = 0, std::uint16_t columns = 0) {
  const HolderMessage message{static_cast<std::uint32_t>(kind), value, rows, columns, 0};
  send_packet({reinterpret_cast<const char*>(&message), sizeof(message)});
}

void tell_size() {
  const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return; // it has hung up meanwhile; SIGHUP says so
  winsize size{};
  if (::ioctl(terminal, TIOCGWINSZ, &size) == 0) tell(HolderMessageKind::resize, 0, size.ws_row, size.ws_col);
  ::close(terminal);
}

// What the kernel sends is about the terminal; what a process sends is meant for the guest's process,
// SIGWINCH and SIGHUP too.
void forward(const ReceivedSignal& received, bool has_terminal) {
  if (received.from_kernel && has_terminal) {
    if (received.number == SIGWINCH) return tell_size();
    if (received.number == SIGHUP) return tell(HolderMessageKind::hangup, 0);
    if (received.number == SIGCONT) return; // comes with a hang-up
  }
  tell(HolderMessageKind::signal, static_cast<std::uint32_t>(received.number));
}

void obey(int socket) {
  HolderMessage message{};
  const ssize_t size = ::recv(socket, &message, sizeof(message), 0);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (size <= 0) _exit(owner_gone);
  if (size != static_cast<ssize_t>(sizeof(message))) return;
  if (message.kind == static_cast<std::uint32_t>(HolderMessageKind::exit))
    _exit(static_cast<int>(message.value & 0xff));
  if (message.kind == static_cast<std::uint32_t>(HolderMessageKind::identify))
    tell(HolderMessageKind::identity, message.value);
}

[[noreturn]] void hold(int socket, int signals, bool has_terminal) {
  pollfd waits[] = {{socket, POLLIN, 0}, {signals, POLLIN, 0}};
  for (;;) {
    if (::poll(waits, 2, -1) < 0) continue;
    if (waits[1].revents) {
      const ReceivedSignal received = read_signal(signals);
      if (received.number) forward(received, has_terminal);
    }
    if (waits[0].revents) obey(socket);
  }
}

} // namespace

void run_holder(const char* name) {
  set_reply(3, ReplyFormat::holder);
  ::syscall(SYS_close_range, 4u, ~0u, 0u);
  const int signals = catch_signals(); // 4: the only one beside 3
  ::syscall(SYS_close_range, 0u, 2u, 0u);
  take_name(name);
  Orders orders;
  receive_orders(orders);
  carry_out(orders);
  const bool has_terminal = number_of(orders.plan, HolderPlanField::uses_terminal) != 0;

  for (int index = 0; index < orders.fd_count; ++index)
    ::close(orders.fds[index]);
  ::fcntl(orders.socket, F_SETFD, FD_CLOEXEC);
  Writer report;
  report.number(HolderReportField::pid, static_cast<std::uint64_t>(::getpid()));
  ::munmap(orders.memory, orders.memory_size);
  send_packet(report.bytes());
  hold(orders.socket, signals, has_terminal);
}

} // namespace nacre::launch
