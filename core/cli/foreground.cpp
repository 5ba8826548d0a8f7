#include "cli/foreground.hpp"

#include "cli/console.hpp"
#include "cli/pidfd.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <poll.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

// Copies between our stdio and the master of the container's terminal.
class TerminalRelay {
public:
  explicit TerminalRelay(UniqueFd master) : master_(std::move(master)), raw_(STDIN_FILENO) { resize(); }

  void resize() const {
    if (const auto size = terminal_size(STDIN_FILENO)) set_terminal_size(master_.get(), *size);
  }

  pollfd input() const { return {input_open_ ? STDIN_FILENO : -1, POLLIN, 0}; }
  pollfd output() const { return {output_open_ ? master_.get() : -1, POLLIN, 0}; }

  void take_input() {
    char buffer[4096];
    const auto count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0 || !write_all(master_.get(), buffer, count)) input_open_ = false;
  }

  // EIO is the end: the last slave was closed.
  void take_output() {
    char buffer[16384];
    const auto count = ::read(master_.get(), buffer, sizeof buffer);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0 || !write_all(STDOUT_FILENO, buffer, count)) output_open_ = false;
  }

  // What lies in the terminal when everybody else has closed it.
  void drain() {
    pollfd entry{master_.get(), POLLIN, 0};
    while (output_open_ && ::poll(&entry, 1, 0) > 0 && (entry.revents & POLLIN))
      take_output();
  }

private:
  static bool write_all(int fd, const char* data, ssize_t length) {
    while (length > 0) {
      const auto count = ::write(fd, data, static_cast<std::size_t>(length));
      if (count < 0 && errno == EAGAIN) { // somebody else set it so
        pollfd entry{fd, POLLOUT, 0};
        ::poll(&entry, 1, -1);
        continue;
      }
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      data += count;
      length -= count;
    }
    return true;
  }

  UniqueFd master_;
  RawMode raw_;
  bool input_open_ = true;
  bool output_open_ = true;
};

int code_of(const siginfo_t& info) {
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

// Reaps all children that have ended; the holder's code when it is among them.
std::optional<int> reap(pid_t holder) {
  std::optional<int> code;
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0) return code;
    if (info.si_pid == holder) code = code_of(info);
  }
}

} // namespace

sigset_t forwarded_signals() {
  sigset_t set;
  ::sigfillset(&set);
  for (const int own : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGPIPE, SIGTTIN, SIGTTOU})
    ::sigdelset(&set, own);
  return set;
}

void become_subreaper() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int wait_in_foreground(const launch::Holder& holder, SignalWatch& signals, UniqueFd master) {
  std::optional<TerminalRelay> relay;
  if (master) relay.emplace(std::move(master));
  if (const auto code = reap(holder.pid())) return *code; // its SIGCHLD may have come before we watched
  for (;;) {
    std::array<pollfd, 3> entries = {pollfd{signals.fd(), POLLIN, 0},
                                     relay ? relay->input() : pollfd{-1, 0, 0},
                                     relay ? relay->output() : pollfd{-1, 0, 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0) continue; // EINTR
    if (relay && entries[1].revents) relay->take_input();
    if (relay && entries[2].revents) relay->take_output();
    while (const auto signal = signals.take()) {
      if (*signal == SIGCHLD) {
        if (const auto code = reap(holder.pid())) {
          if (relay) relay->drain();
          return *code;
        }
      } else if (*signal == SIGWINCH) {
        if (relay) relay->resize();
      } else if (*signal != SIGURG) {
        send_signal(holder.pidfd(), *signal);
      }
    }
  }
}

} // namespace nacre::cli
