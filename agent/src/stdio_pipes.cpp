#include "stdio_pipes.hpp"

#include <fcntl.h>
#include <sys/socket.h>

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

UniqueFd duplicate_of(const UniqueFd& fd, const char* what) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy) throw system_error("cannot duplicate", what);
  return copy;
}

// A packet of descriptors at the host holds 64, four of them with other duties.
constexpr int most_descriptors = 60;

} // namespace

std::vector<v1::PassedDescriptor::Kind>
descriptor_kinds(const google::protobuf::RepeatedPtrField<v1::PassedDescriptor>& descriptors) {
  if (descriptors.size() > most_descriptors) {
    throw Error(Code::invalid_argument,
                "more than " + std::to_string(most_descriptors) + " descriptors are to be passed on");
  }
  std::vector<v1::PassedDescriptor::Kind> kinds;
  for (const auto& descriptor : descriptors)
    kinds.push_back(descriptor.kind());
  return kinds;
}

StdioPipes::StdioPipes(const Wanted& wanted) : wanted_(wanted) {
  if (wanted.terminal) {
    console_.emplace();
  } else {
    make_stdio();
  }
  for (const auto kind : wanted.descriptors)
    make_descriptor(kind);
}

void StdioPipes::make_descriptor(v1::PassedDescriptor::Kind kind) {
  StdioEnds::Descriptor own;
  if (kind == v1::PassedDescriptor::STREAM_SOCKET) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
      throw system_error("cannot make", "socket pair for a process");
    }
    own.out.reset(ends[0]);
    process_descriptors_.emplace_back(ends[1]);
    own.in = duplicate_of(own.out, "socket");
    own.socket = true;
    make_nonblocking(own.out.get());
  } else if (kind == v1::PassedDescriptor::PIPE_READ_END) {
    auto pipe = make_pipe();
    process_descriptors_.push_back(std::move(pipe.read));
    own.in = std::move(pipe.write);
    make_nonblocking(own.in.get());
  } else if (kind == v1::PassedDescriptor::PIPE_WRITE_END) {
    auto pipe = make_pipe();
    process_descriptors_.push_back(std::move(pipe.write));
    own.out = std::move(pipe.read);
    make_nonblocking(own.out.get());
  } else {
    throw Error(Code::invalid_argument, "descriptor " + std::to_string(3 + process_descriptors_.size()) +
                                            " is of a kind that this guest does not know");
  }
  own_ends_.descriptors.push_back(std::move(own));
}

void StdioPipes::make_stdio() {
  if (wanted_.has_stdin) {
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

std::vector<int> StdioPipes::descriptors_for_process() const {
  std::vector<int> numbers;
  for (const auto& descriptor : process_descriptors_)
    numbers.push_back(descriptor.get());
  return numbers;
}

StdioEnds StdioPipes::take_own_ends() {
  if (console_) {
    own_ends_.out = console_->receive_master();
    make_nonblocking(own_ends_.out.get());
    set_terminal_size(own_ends_.out.get(), wanted_.rows, wanted_.columns);
    own_ends_.terminal = true;
    if (wanted_.has_stdin) {
      own_ends_.in = duplicate_of(own_ends_.out, "terminal");
    }
  }
  for (auto& end : process_ends_)
    end.reset();
  process_descriptors_.clear();
  return std::move(own_ends_);
}

} // namespace nacre::agent
