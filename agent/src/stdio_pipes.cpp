#include "stdio_pipes.hpp"

#include <fcntl.h>

namespace nacre::agent {

namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) throw system_error("cannot make", "pipe for a process");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Each end of a pipe has a file description of its own, so this does not show on the process's side.
void make_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    throw system_error("cannot make non-blocking", "stdio of a process");
  }
}

} // namespace

StdioPipes::StdioPipes(const Wanted& wanted) : wanted_(wanted) {
  if (wanted.terminal) {
    console_.emplace();
    return;
  }
  if (wanted.has_stdin) {
    auto in = make_pipe();
    process_ends_[0] = std::move(in.read);
    own_ends_.in = std::move(in.write);
    make_nonblocking(own_ends_.in.get());
  }
  auto out = make_pipe();
  auto err = make_pipe();
  process_ends_[1] = std::move(out.write);
  process_ends_[2] = std::move(err.write);
  own_ends_.out = std::move(out.read);
  own_ends_.err = std::move(err.read);
  make_nonblocking(own_ends_.out.get());
  make_nonblocking(own_ends_.err.get());
}

std::array<int, 3> StdioPipes::for_process() const {
  return {process_ends_[0].get(), process_ends_[1].get(), process_ends_[2].get()};
}

StdioEnds StdioPipes::take_own_ends() {
  if (console_) {
    own_ends_.out = console_->receive_master();
    make_nonblocking(own_ends_.out.get());
    set_terminal_size(own_ends_.out.get(), wanted_.rows, wanted_.columns);
    own_ends_.terminal = true;
    if (wanted_.has_stdin) {
      own_ends_.in.reset(::fcntl(own_ends_.out.get(), F_DUPFD_CLOEXEC, 3));
      if (!own_ends_.in) throw system_error("cannot duplicate", "terminal");
    }
  }
  for (auto& end : process_ends_)
    end.reset();
  return std::move(own_ends_);
}

} // namespace nacre::agent
