#include "agent_client/stdio_pump.hpp"

#include "agent_client/hello.hpp"

#include <utility>

namespace nacre::agent_client {
namespace {

// Acknowledging each small piece would double the frames; waiting longer than this would stop the sender.
constexpr std::uint64_t acknowledge_every = stdio_window_bytes / 8;

using Frame = v1::StdioFrame;

} // namespace

StdioPump::StdioPump(IoLoop& loop, std::string container_id, std::string exec_id, StdioEnds ends,
                     std::function<void()> drained)
    : loop_(loop), container_id_(std::move(container_id)), exec_id_(std::move(exec_id)),
      drained_(std::move(drained)), in_(loop, std::move(ends.in), [this] { wake(); }),
      out_(loop, std::move(ends.out), [this] { progress(); }),
      err_(loop, std::move(ends.err), [this] { progress(); }), has_stdin_(false) {}

// The members leave the loop when they go, so the last reference must go there.
StdioPump::~StdioPump() = default;

std::shared_ptr<StdioPump> StdioPump::create(IoLoop& loop, std::string container_id, std::string exec_id,
                                             StdioEnds ends, std::function<void()> drained) {
  const bool has_stdin = static_cast<bool>(ends.in);
  const bool terminal = ends.terminal;
  auto* pump =
      new StdioPump(loop, std::move(container_id), std::move(exec_id), std::move(ends), std::move(drained));
  pump->has_stdin_ = has_stdin;
  if (terminal) pump->err_.abandon();
  return std::shared_ptr<StdioPump>(pump, [&loop](StdioPump* last) {
    if (loop.on_loop_thread()) return delete last;
    loop.post([last] { delete last; });
  });
}

void StdioPump::connect(std::shared_ptr<AgentClient> client) {
  loop_.post(
      [self = shared_from_this(), agent = std::move(client)]() mutable { self->reopen(std::move(agent)); });
}

void StdioPump::reopen(std::shared_ptr<AgentClient> client) {
  if (!drained_) return;
  if (stream_) stream_->cancel();
  open_sent_ = false;
  first_acknowledgement_ = true;
  out_channel_ = {out_.delivered(), false};
  err_channel_ = {err_.delivered(), false};
  const std::weak_ptr<StdioPump> weak = weak_from_this();
  StdioStream::Callbacks callbacks;
  callbacks.next = [weak](Frame& frame) {
    const auto self = weak.lock();
    return self && self->next(frame);
  };
  callbacks.received = [weak](const Frame& frame) {
    const auto self = weak.lock();
    return self && self->received(frame);
  };
  // Without a stream the channels wait for the next connect() or for abort().
  callbacks.ended = [weak](const std::optional<Error>&) {
    if (const auto self = weak.lock()) self->stream_.reset();
  };
  stream_ = StdioStream::open(std::move(client), std::move(callbacks));
}

void StdioPump::wake() {
  if (stream_) stream_->wake();
}

bool StdioPump::next(Frame& frame) {
  if (!open_sent_) {
    open_sent_ = true;
    auto& open = *frame.mutable_open();
    open.set_container_id(container_id_);
    open.set_exec_id(exec_id_);
    open.set_stdout_offset(out_.delivered());
    open.set_stderr_offset(err_.delivered());
    return true;
  }
  if (next_acknowledgement(frame, out_, out_channel_, Frame::STDOUT)) return true;
  if (next_acknowledgement(frame, err_, err_channel_, Frame::STDERR)) return true;
  StdioInput::Chunk chunk;
  if (first_acknowledgement_ || !has_stdin_ || !in_.next(chunk)) return false;
  auto& data = *frame.mutable_data();
  data.set_channel(Frame::STDIN);
  data.set_offset(chunk.offset);
  data.set_bytes(chunk.bytes.data(), chunk.bytes.size());
  data.set_eof(chunk.eof);
  return true;
}

bool StdioPump::next_acknowledgement(Frame& frame, StdioOutput& output, Channel& channel, int number) {
  if (output.reader_gone() && !channel.gone_told) {
    channel.gone_told = true;
    auto& data = *frame.mutable_data();
    data.set_channel(static_cast<Frame::Channel>(number));
    data.set_eof(true);
    return true;
  }
  const std::uint64_t news = output.delivered() - channel.acknowledged;
  if (news == 0 || (news < acknowledge_every && output.waiting())) return false;
  channel.acknowledged = output.delivered();
  auto& acknowledgement = *frame.mutable_ack();
  acknowledgement.set_channel(static_cast<Frame::Channel>(number));
  acknowledgement.set_offset(output.delivered());
  return true;
}

bool StdioPump::received(const Frame& frame) {
  if (frame.has_data()) return received_data(frame.data());
  if (!frame.has_ack()) return false;
  const auto& acknowledgement = frame.ack();
  if (acknowledgement.channel() != Frame::STDIN) return false;
  if (!std::exchange(first_acknowledgement_, false))
    return !has_stdin_ || in_.acknowledged(acknowledgement.offset());
  if (!has_stdin_) return true;
  if (!in_.rewind(acknowledgement.offset())) return false;
  in_.start();
  return true;
}

bool StdioPump::received_data(const Frame::Data& data) {
  switch (data.channel()) {
  case Frame::STDIN: // the process has closed its stdin
    if (!data.eof()) return false;
    in_.abandon();
    return true;
  case Frame::STDOUT:
    return out_.accept(data.offset(), data.bytes(), data.eof());
  case Frame::STDERR:
    return err_.accept(data.offset(), data.bytes(), data.eof());
  default:
    return false;
  }
}

void StdioPump::progress() {
  const auto self = shared_from_this(); // drained() may drop the last reference
  wake();
  if (!out_.done() || !err_.done() || !drained_) return;
  in_.abandon();
  if (stream_) stream_->finish();
  std::exchange(drained_, nullptr)();
}

void StdioPump::close_stdin() {
  loop_.post([self = shared_from_this()] { self->in_.finish(); });
}

void StdioPump::process_ended() {
  loop_.post([self = shared_from_this()] { self->in_.abandon(); });
}

void StdioPump::abort() {
  loop_.post([self = shared_from_this()] {
    if (self->stream_) self->stream_->cancel();
    self->stream_.reset();
    self->in_.abandon();
    self->out_.abandon();
    self->err_.abandon();
    self->progress();
  });
}

} // namespace nacre::agent_client
