#include "process_stdio.hpp"

#include "timeline.hpp"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

namespace nacre::agent {

namespace {

using Frame = v1::StdioFrame;

// A channel that something else still holds open after the process has ended (a daemon that it left behind)
// ends when nothing has come for this long, and at the latest after `longest_drain_ms`.
constexpr unsigned grace_ms = 100;
constexpr unsigned longest_drain_ms = 2000;
constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr std::size_t pipe_size = 65536; // the kernel's default, also more than a terminal's buffer

} // namespace

ProcessStdio::ProcessStdio(EventLoop& loop, std::size_t window)
    : loop_(loop), input_(window), stdout_(Frame::STDOUT, window), stderr_(Frame::STDERR, window) {}

ProcessStdio::~ProcessStdio() {
  close();
}

void ProcessStdio::start(StdioEnds ends) {
  const std::lock_guard lock(mutex_);
  terminal_ = ends.terminal;
  input_fd_ = std::move(ends.in);
  if (input_fd_) {
    input_token_ = loop_.add(input_fd_.get(), [weak = weak_from_this()](std::uint32_t events) {
      if (const auto self = weak.lock()) {
        const std::lock_guard inner(self->mutex_);
        // A pipe whose last reader has closed it reports an error.
        if ((events & EPOLLERR) != 0) self->lose_input_reader();
        self->write_input();
        self->send_more();
      }
    });
    write_input();
  } else {
    input_.discard();
  }
  stdout_.fd = std::move(ends.out);
  stderr_.fd = std::move(ends.err);
  watch_output(stdout_);
  watch_output(stderr_);
}

void ProcessStdio::watch_output(Output& output) {
  if (!output.fd) return;
  output.present = true;
  output.token = loop_.add(output.fd.get(), [weak = weak_from_this(), &output](std::uint32_t) {
    if (const auto self = weak.lock()) {
      std::unique_lock inner(self->mutex_);
      self->read_output(output);
      self->send_more();
      self->check_ended(inner);
    }
  });
  loop_.arm(output.token, output.fd.get(), EPOLLIN);
}

// Reads once if the host's credit allows, and asks to be called again. Without credit it stays disarmed until
// acknowledge() calls.
void ProcessStdio::read_output(Output& output) {
  if (!output.fd) return;
  const auto wanted = std::min(output.data.room(), largest_stdio_piece);
  if (wanted == 0) return;
  const auto space = output.data.free_space(wanted);
  const auto n = ::readv(output.fd.get(), space.data(), static_cast<int>(space.size()));
  if (n > 0) {
    output.data.filled(static_cast<std::size_t>(n));
    output.active = true;
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    end_output(output); // EIO of a terminal: nobody has it open any more
    return;
  }
  loop_.arm(output.token, output.fd.get(), EPOLLIN);
}

void ProcessStdio::end_output(Output& output) {
  if (!output.fd) return;
  loop_.remove(output.token, output.fd.get());
  output.fd.reset();
  output.data.end();
}

void ProcessStdio::write_input() {
  while (input_fd_ && !input_.empty()) {
    const auto pending = input_.pending();
    const auto n = ::writev(input_fd_.get(), pending.data(), static_cast<int>(pending.size()));
    if (n >= 0) {
      input_.delivered(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      loop_.arm(input_token_, input_fd_.get(), EPOLLOUT);
      return;
    } else if (errno != EINTR) {
      lose_input_reader(); // EPIPE
      return;
    }
  }
  if (!input_fd_) return;
  if (!input_.ended()) {
    if (!terminal_) loop_.arm(input_token_, input_fd_.get(), 0); // a reader's going is reported all the same
    return;
  }
  close_input();
  // The end of a terminal's input is the terminal's end: closing the master sends SIGHUP to its foreground
  // processes.
  if (terminal_) end_output(stdout_);
}

// The process reads no more: the host is told, so that it closes its side too.
void ProcessStdio::lose_input_reader() {
  if (!input_fd_ || terminal_) return;
  close_input();
  input_reader_gone_ = true;
  input_reader_gone_due_ = true;
}

void ProcessStdio::close_input() {
  if (input_fd_) {
    loop_.remove(input_token_, input_fd_.get());
    input_fd_.reset();
  }
  input_.discard();
}

void ProcessStdio::attach(std::shared_ptr<StdioSink> sink, const Frame::Open& open) {
  std::unique_lock lock(mutex_);
  if (!stdout_.data.resume(open.stdout_offset()) || !stderr_.data.resume(open.stderr_offset())) {
    throw Error(Code::invalid_argument, "stdio stream of process " + quoted(open.exec_id()) +
                                            " in container " + quoted(open.container_id()) +
                                            " asks for output that was acknowledged before, or never sent");
  }
  if (sink_) sink_->fail(Error(Code::unavailable, "a newer stdio stream of the same process has taken over"));
  sink_ = std::move(sink);
  sending_ = false;
  first_acknowledgement_due_ = true;
  input_reader_gone_due_ = input_reader_gone_;
  read_output(stdout_);
  read_output(stderr_);
  send_more();
  check_ended(lock);
}

void ProcessStdio::detach(const StdioSink* sink) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() == sink) sink_.reset();
}

void ProcessStdio::receive(const StdioSink* sink, const Frame& frame) {
  std::unique_lock lock(mutex_);
  if (sink_.get() != sink) return; // of a stream that was replaced
  if (frame.has_data()) {
    deliver(frame.data());
  } else if (frame.has_ack()) {
    acknowledge(frame.ack());
  } else {
    throw Error(Code::invalid_argument, "stdio stream has a second Open frame or one of unknown kind");
  }
  send_more();
  check_ended(lock);
}

void ProcessStdio::deliver(const Frame::Data& data) {
  if (data.channel() != Frame::STDIN) {
    if (!data.eof() || !data.bytes().empty()) {
      throw Error(Code::invalid_argument, "stdio stream has host data for an output channel");
    }
    // Whoever read it has gone: the process gets EPIPE, or its terminal hangs up.
    auto& output = data.channel() == Frame::STDERR ? stderr_ : stdout_;
    end_output(output);
    output.data.abandon();
    if (terminal_) close_input();
    return;
  }
  switch (input_.receive(data.offset(), data.bytes(), data.eof())) {
  case InputChannel::Received::taken:
    break;
  case InputChannel::Received::gap:
    throw Error(Code::invalid_argument,
                "stdin data leave out bytes before offset " + std::to_string(data.offset()));
  case InputChannel::Received::beyond_window:
    throw Error(Code::resource_exhausted, "stdin data exceed the window that the hello agreed on");
  }
  write_input();
}

void ProcessStdio::acknowledge(const Frame::Ack& ack) {
  if (ack.channel() == Frame::STDIN) throw Error(Code::invalid_argument, "the host cannot acknowledge stdin");
  auto& output = ack.channel() == Frame::STDERR ? stderr_ : stdout_;
  const bool was_full = output.data.room() == 0;
  if (!output.data.acknowledge(ack.offset())) {
    throw Error(Code::invalid_argument, "stdio stream acknowledges output that was never sent");
  }
  if (was_full) read_output(output);
}

void ProcessStdio::frame_sent(const StdioSink* sink) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() != sink) return;
  sending_ = false;
  send_more();
}

bool ProcessStdio::next_frame(Frame& frame) {
  const auto acknowledge_input = [&](std::uint64_t offset) {
    frame.mutable_ack()->set_channel(Frame::STDIN);
    frame.mutable_ack()->set_offset(offset);
    return true;
  };
  if (first_acknowledgement_due_) {
    first_acknowledgement_due_ = false;
    return acknowledge_input(input_.resume());
  }
  if (const auto offset = input_.next_acknowledgement()) return acknowledge_input(*offset);
  if (input_reader_gone_due_) {
    input_reader_gone_due_ = false;
    frame.mutable_data()->set_channel(Frame::STDIN);
    frame.mutable_data()->set_eof(true);
    return true;
  }
  for (auto* output : {&stderr_, &stdout_}) {
    if (!output->present) continue;
    auto piece = output->data.next();
    if (!piece) continue;
    auto* data = frame.mutable_data();
    data->set_channel(output->channel);
    data->set_offset(piece->offset);
    data->set_bytes(std::move(piece->bytes));
    data->set_eof(piece->eof);
    return true;
  }
  return false;
}

void ProcessStdio::send_more() {
  if (!sink_ || sending_) return;
  Frame frame;
  if (next_frame(frame)) {
    sending_ = true;
    sink_->send(std::move(frame));
    return;
  }
  const auto finished = [](const Output& output) { return !output.present || output.data.finished(); };
  if (process_ended_ && finished(stdout_) && finished(stderr_)) {
    sink_->finish();
    sink_.reset();
  }
}

void ProcessStdio::resize(std::uint32_t rows, std::uint32_t columns) {
  const std::lock_guard lock(mutex_);
  if (!terminal_) throw Error(Code::failed_precondition, "the process has no terminal");
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  if (stdout_.fd && ::ioctl(stdout_.fd.get(), TIOCSWINSZ, &size) < 0) {
    throw system_error("cannot set the size of", "terminal");
  }
}

void ProcessStdio::process_ended(std::function<void()> ended) {
  std::unique_lock lock(mutex_);
  process_ended_ = true;
  on_ended_ = std::move(ended);
  drain_deadline_ns_ = boottime_ns() + longest_drain_ms * ns_per_ms;
  close_input();
  for (auto* output : {&stdout_, &stderr_}) {
    output->data.release_limit(pipe_size);
    drain(*output);
    output->active = false;
  }
  if (stdout_.fd || stderr_.fd) {
    loop_.after(grace_ms, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->look_after_grace();
    });
  }
  send_more();
  check_ended(lock);
}

// Reads until the channel is empty, at its end, or has no room.
void ProcessStdio::drain(Output& output) {
  while (output.fd && output.data.room() > 0) {
    const auto room = output.data.room();
    read_output(output);
    if (output.data.room() == room) return;
  }
}

void ProcessStdio::look_after_grace() {
  std::unique_lock lock(mutex_);
  const bool too_late = boottime_ns() >= drain_deadline_ns_;
  for (auto* output : {&stdout_, &stderr_}) {
    drain(*output);
    const bool quiet = !output->active && output->data.room() > 0;
    if (quiet || too_late) end_output(*output);
    output->active = false;
  }
  if (stdout_.fd || stderr_.fd) {
    loop_.after(grace_ms, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->look_after_grace();
    });
  }
  send_more();
  check_ended(lock);
}

void ProcessStdio::check_ended(std::unique_lock<std::mutex>& lock) {
  if (!process_ended_ || stdout_.fd || stderr_.fd || !on_ended_) return;
  const auto ended = std::move(on_ended_);
  on_ended_ = nullptr;
  lock.unlock();
  ended();
}

void ProcessStdio::close() {
  const std::lock_guard lock(mutex_);
  close_input();
  end_output(stdout_);
  end_output(stderr_);
  if (sink_) sink_->finish();
  sink_.reset();
}

} // namespace nacre::agent
