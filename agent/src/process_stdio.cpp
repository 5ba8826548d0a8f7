#include "process_stdio.hpp"

#include "timeline.hpp"

#include <algorithm>
#include <string>
#include <sys/epoll.h>
#include <sys/ioctl.h>

namespace nacre::agent {

namespace {

// A channel that something else still holds open after the process has ended (a daemon that it left behind)
// ends when nothing has come for this long, and at the latest after `longest_drain_ms`.
constexpr unsigned grace_ms = 100;
constexpr unsigned longest_drain_ms = 2000;
constexpr std::uint64_t ns_per_ms = 1'000'000;

std::string name_of(std::uint32_t descriptor) {
  return descriptor == 0 ? "the process's stdio" : "descriptor " + std::to_string(descriptor);
}

} // namespace

ProcessStdio::ProcessStdio(EventLoop& loop, std::size_t window) : loop_(loop), window_(window) {
  inputs_.push_back(std::make_unique<InputPort>(0, window));
  outputs_.push_back(std::make_unique<OutputPort>(0, Frame::STDOUT, window));
  outputs_.push_back(std::make_unique<OutputPort>(0, Frame::STDERR, window));
}

ProcessStdio::~ProcessStdio() {
  close();
}

void ProcessStdio::start(StdioEnds ends) {
  const std::lock_guard lock(mutex_);
  terminal_ = ends.terminal;
  inputs_.front()->terminal = ends.terminal;
  inputs_.front()->fd = std::move(ends.in);
  outputs_[0]->fd = std::move(ends.out);
  outputs_[1]->fd = std::move(ends.err);
  if (!inputs_.front()->fd) inputs_.front()->data.discard();
  std::uint32_t number = 3;
  for (auto& descriptor : ends.descriptors)
    add_descriptor(number++, std::move(descriptor));
  for (auto& input : inputs_)
    watch_input(*input);
  for (auto& output : outputs_)
    watch_output(*output);
}

void ProcessStdio::add_descriptor(std::uint32_t number, StdioEnds::Descriptor ends) {
  if (ends.in) {
    auto input = std::make_unique<InputPort>(number, window_);
    input->fd = std::move(ends.in);
    input->socket = ends.socket;
    input->first_acknowledgement_due = sink_ != nullptr;
    inputs_.push_back(std::move(input));
  }
  if (ends.out) {
    auto output = std::make_unique<OutputPort>(number, Frame::STDOUT, window_);
    output->fd = std::move(ends.out);
    output->socket = ends.socket;
    outputs_.push_back(std::move(output));
  }
}

void ProcessStdio::watch_input(InputPort& input) {
  if (!input.fd) return;
  input.loop = &loop_;
  input.token = loop_.add(input.fd.get(), [weak = weak_from_this(), &input](std::uint32_t events) {
    if (const auto self = weak.lock()) {
      const std::lock_guard inner(self->mutex_);
      // A pipe whose last reader has closed it reports an error, a socket a hang-up.
      if ((events & EPOLLERR) != 0 || (input.socket && (events & EPOLLHUP) != 0)) input.lose_reader();
      self->write_input(input);
      self->send_more();
    }
  });
  write_input(input);
}

void ProcessStdio::watch_output(OutputPort& output) {
  if (!output.fd) return;
  output.present = true;
  output.loop = &loop_;
  output.token = loop_.add(output.fd.get(), [weak = weak_from_this(), &output](std::uint32_t) {
    if (const auto self = weak.lock()) {
      std::unique_lock inner(self->mutex_);
      output.read();
      self->send_more();
      self->check_ended(inner);
    }
  });
  loop_.arm(output.token, output.fd.get(), EPOLLIN);
}

void ProcessStdio::write_input(InputPort& input) {
  if (input.write_blocks() || !input.fd) return;
  if (!input.data.ended()) {
    // A reader's going is reported all the same.
    if (!input.terminal) loop_.arm(input.token, input.fd.get(), 0);
    return;
  }
  input.finish();
  // The end of a terminal's input is the terminal's end: closing the master sends SIGHUP to its foreground
  // processes.
  if (input.terminal) outputs_.front()->end();
}

void ProcessStdio::attach(std::shared_ptr<StdioSink> sink, const Frame::Open& open) {
  std::unique_lock lock(mutex_);
  const auto offset_of = [&](const OutputPort& output) -> std::uint64_t {
    if (output.descriptor == 0)
      return output.channel == Frame::STDERR ? open.stderr_offset() : open.stdout_offset();
    const int place = static_cast<int>(output.descriptor) - 3;
    return place < open.descriptor_offsets_size() ? open.descriptor_offsets(place) : 0;
  };
  for (auto& output : outputs_) {
    if (output->data.resume(offset_of(*output))) continue;
    throw Error(Code::invalid_argument, "stdio stream of process " + quoted(open.exec_id()) +
                                            " in container " + quoted(open.container_id()) +
                                            " asks for output that was acknowledged before, or never sent");
  }
  if (sink_) sink_->fail(Error(Code::unavailable, "a newer stdio stream of the same process has taken over"));
  sink_ = std::move(sink);
  sending_ = false;
  for (auto& input : inputs_)
    input->resume();
  for (auto& output : outputs_)
    output->read();
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

InputPort& ProcessStdio::input_of(std::uint32_t descriptor) {
  for (auto& input : inputs_)
    if (input->descriptor == descriptor) return *input;
  throw Error(Code::invalid_argument,
              "stdio stream has data for " + name_of(descriptor) + ", from which the process does not read");
}

OutputPort& ProcessStdio::output_of(std::uint32_t descriptor, Frame::Channel channel) {
  for (auto& output : outputs_)
    if (output->descriptor == descriptor && output->channel == channel) return *output;
  throw Error(Code::invalid_argument, "stdio stream speaks of output of " + name_of(descriptor) +
                                          ", to which the process does not write");
}

void ProcessStdio::deliver(const Frame::Data& data) {
  if (data.channel() != Frame::STDIN) {
    if (!data.eof() || !data.bytes().empty()) {
      throw Error(Code::invalid_argument, "stdio stream has host data for an output channel");
    }
    // Whoever read it has gone: the process gets EPIPE, or its terminal hangs up.
    output_of(data.descriptor(), data.channel()).abandon();
    if (terminal_ && data.descriptor() == 0) inputs_.front()->close();
    return;
  }
  auto& input = input_of(data.descriptor());
  switch (input.data.receive(data.offset(), data.bytes(), data.eof())) {
  case InputChannel::Received::taken:
    break;
  case InputChannel::Received::gap:
    throw Error(Code::invalid_argument,
                "stdin data leave out bytes before offset " + std::to_string(data.offset()));
  case InputChannel::Received::beyond_window:
    throw Error(Code::resource_exhausted, "stdin data exceed the window that the hello agreed on");
  }
  write_input(input);
}

void ProcessStdio::acknowledge(const Frame::Ack& ack) {
  if (ack.channel() == Frame::STDIN) throw Error(Code::invalid_argument, "the host cannot acknowledge stdin");
  auto& output = output_of(ack.descriptor(), ack.channel());
  const bool was_full = output.data.room() == 0;
  if (!output.data.acknowledge(ack.offset())) {
    throw Error(Code::invalid_argument, "stdio stream acknowledges output that was never sent");
  }
  if (was_full) output.read();
}

void ProcessStdio::frame_sent(const StdioSink* sink) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() != sink) return;
  sending_ = false;
  send_more();
}

bool ProcessStdio::next_frame(Frame& frame) {
  for (auto& input : inputs_)
    if (input->next_frame(frame)) return true;
  for (std::size_t i = 1; i <= outputs_.size(); ++i) {
    const auto turn = (last_sent_ + i) % outputs_.size();
    if (!outputs_[turn]->next_frame(frame)) continue;
    last_sent_ = turn;
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
  if (process_ended_ &&
      std::all_of(outputs_.begin(), outputs_.end(), [](const auto& output) { return output->finished(); })) {
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
  const auto& master = outputs_.front()->fd;
  if (master && ::ioctl(master.get(), TIOCSWINSZ, &size) < 0) {
    throw system_error("cannot set the size of", "terminal");
  }
}

void ProcessStdio::process_ended(std::function<void()> ended) {
  std::unique_lock lock(mutex_);
  process_ended_ = true;
  on_ended_ = std::move(ended);
  drain_deadline_ns_ = boottime_ns() + longest_drain_ms * ns_per_ms;
  for (auto& input : inputs_)
    input->close();
  for (auto& output : outputs_) {
    output->release_limit();
    output->drain();
    output->active = false;
  }
  if (any_output_open()) look_later();
  send_more();
  check_ended(lock);
}

void ProcessStdio::look_later() {
  loop_.after(grace_ms, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->look_after_grace();
  });
}

void ProcessStdio::look_after_grace() {
  std::unique_lock lock(mutex_);
  const bool too_late = boottime_ns() >= drain_deadline_ns_;
  for (auto& output : outputs_) {
    output->drain();
    const bool quiet = !output->active && output->data.room() > 0;
    if (quiet || too_late) output->end();
    output->active = false;
  }
  if (any_output_open()) look_later();
  send_more();
  check_ended(lock);
}

bool ProcessStdio::any_output_open() const {
  return std::any_of(outputs_.begin(), outputs_.end(), [](const auto& output) { return bool{output->fd}; });
}

void ProcessStdio::check_ended(std::unique_lock<std::mutex>& lock) {
  if (!process_ended_ || any_output_open() || !on_ended_) return;
  const auto ended = std::move(on_ended_);
  on_ended_ = nullptr;
  lock.unlock();
  ended();
}

void ProcessStdio::close() {
  const std::lock_guard lock(mutex_);
  for (auto& input : inputs_)
    input->close();
  for (auto& output : outputs_)
    output->end();
  if (sink_) sink_->finish();
  sink_.reset();
}

} // namespace nacre::agent
