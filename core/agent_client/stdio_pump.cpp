#include "agent_client/stdio_pump.hpp"

#include "agent_client/hello.hpp"

#include <algorithm>
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
      drained_(std::move(drained)), descriptors_(ends.descriptors.size()) {
  add_input(0, std::move(ends.in));
  add_output(0, Frame::STDOUT, std::move(ends.out));
  auto& err = add_output(0, Frame::STDERR, std::move(ends.err));
  if (ends.terminal) err.output.abandon();
  std::uint32_t number = 3;
  for (auto& descriptor : ends.descriptors)
    add_descriptor(number++, std::move(descriptor));
}

void StdioPump::add_input(std::uint32_t descriptor, UniqueFd fd) {
  const bool present = static_cast<bool>(fd);
  inputs_.emplace_back(
      new InputLane{descriptor, StdioInput(loop_, std::move(fd), [this] { wake(); }), present});
}

StdioPump::OutputLane& StdioPump::add_output(std::uint32_t descriptor, Frame::Channel channel, UniqueFd fd) {
  outputs_.emplace_back(
      new OutputLane{descriptor, channel, StdioOutput(loop_, std::move(fd), [this] { progress(); })});
  return *outputs_.back();
}

void StdioPump::add_descriptor(std::uint32_t number, PassedDescriptor descriptor) {
  using Passed = agent::v1::PassedDescriptor;
  if (descriptor.kind == Passed::STREAM_SOCKET)
    add_input(number, descriptor.fd.duplicate());
  else if (descriptor.kind == Passed::PIPE_READ_END)
    return add_input(number, std::move(descriptor.fd));
  add_output(number, Frame::STDOUT, std::move(descriptor.fd));
}

// The members leave the loop when they go, so the last reference must go there.
StdioPump::~StdioPump() = default;

std::shared_ptr<StdioPump> StdioPump::create(IoLoop& loop, std::string container_id, std::string exec_id,
                                             StdioEnds ends, std::function<void()> drained) {
  auto* pump =
      new StdioPump(loop, std::move(container_id), std::move(exec_id), std::move(ends), std::move(drained));
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
  for (auto& lane : inputs_)
    lane->first_acknowledgement = true;
  for (auto& lane : outputs_) {
    lane->acknowledged = lane->output.delivered();
    lane->gone_told = false;
  }
  watch_readers();
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

// Pipes and sockets of descriptors: the process asks them whether anybody reads (poll(2)), so it must know
// before it writes.
void StdioPump::watch_readers() {
  for (auto& lane : outputs_)
    if (lane->descriptor != 0 && !lane->output.reader_gone()) lane->output.watch_reader();
}

StdioPump::InputLane* StdioPump::find_input(std::uint32_t descriptor) noexcept {
  for (auto& lane : inputs_)
    if (lane->descriptor == descriptor) return lane.get();
  return nullptr;
}

StdioPump::OutputLane* StdioPump::find_output(std::uint32_t descriptor, Frame::Channel channel) noexcept {
  for (auto& lane : outputs_)
    if (lane->descriptor == descriptor && lane->channel == channel) return lane.get();
  return nullptr;
}

std::uint64_t StdioPump::delivered_bytes() const noexcept {
  std::uint64_t all = 0;
  for (const auto& lane : outputs_)
    all += lane->output.delivered();
  return all;
}

bool StdioPump::waits_for_reader() const noexcept {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [](const auto& lane) { return lane->output.waiting(); });
}

void StdioPump::fill_open(Frame::Open& open) {
  open.set_container_id(container_id_);
  open.set_exec_id(exec_id_);
  open.set_stdout_offset(outputs_[0]->output.delivered());
  open.set_stderr_offset(outputs_[1]->output.delivered());
  for (std::size_t i = 0; i < descriptors_; ++i) {
    const auto* lane = find_output(static_cast<std::uint32_t>(3 + i), Frame::STDOUT);
    open.add_descriptor_offsets(lane ? lane->output.delivered() : 0);
  }
}

bool StdioPump::next(Frame& frame) {
  if (!open_sent_) {
    open_sent_ = true;
    fill_open(*frame.mutable_open());
    return true;
  }
  for (auto& lane : outputs_)
    if (next_acknowledgement(frame, *lane)) return true;
  return next_input(frame);
}

bool StdioPump::next_input(Frame& frame) {
  for (std::size_t i = 1; i <= inputs_.size(); ++i) {
    const auto turn = (last_sent_ + i) % inputs_.size();
    auto& lane = *inputs_[turn];
    StdioInput::Chunk chunk;
    if (lane.first_acknowledgement || !lane.present || !lane.input.next(chunk)) continue;
    last_sent_ = turn;
    auto& data = *frame.mutable_data();
    data.set_channel(Frame::STDIN);
    data.set_descriptor(lane.descriptor);
    data.set_offset(chunk.offset);
    data.set_bytes(chunk.bytes.data(), chunk.bytes.size());
    data.set_eof(chunk.eof);
    return true;
  }
  return false;
}

bool StdioPump::next_acknowledgement(Frame& frame, OutputLane& lane) {
  if (lane.output.reader_gone() && !lane.gone_told) {
    lane.gone_told = true;
    auto& data = *frame.mutable_data();
    data.set_channel(lane.channel);
    data.set_descriptor(lane.descriptor);
    data.set_eof(true);
    return true;
  }
  const std::uint64_t news = lane.output.delivered() - lane.acknowledged;
  if (news == 0 || (news < acknowledge_every && lane.output.waiting())) return false;
  lane.acknowledged = lane.output.delivered();
  auto& acknowledgement = *frame.mutable_ack();
  acknowledgement.set_channel(lane.channel);
  acknowledgement.set_descriptor(lane.descriptor);
  acknowledgement.set_offset(lane.output.delivered());
  return true;
}

bool StdioPump::received(const Frame& frame) {
  if (frame.has_data()) return received_data(frame.data());
  return frame.has_ack() && received_acknowledgement(frame.ack());
}

bool StdioPump::received_acknowledgement(const Frame::Ack& acknowledgement) {
  auto* lane = find_input(acknowledgement.descriptor());
  if (acknowledgement.channel() != Frame::STDIN || !lane) return false;
  if (!std::exchange(lane->first_acknowledgement, false))
    return !lane->present || lane->input.acknowledged(acknowledgement.offset());
  if (!lane->present) return true;
  if (!lane->input.rewind(acknowledgement.offset())) return false;
  lane->input.start();
  return true;
}

bool StdioPump::received_data(const Frame::Data& data) {
  if (data.channel() == Frame::STDIN) { // the process has closed what it read
    auto* lane = find_input(data.descriptor());
    if (!lane || !data.eof()) return false;
    if (data.descriptor() != 0 && !data.closed())
      lane->input.refuse();
    else
      lane->input.abandon();
    return true;
  }
  auto* lane = find_output(data.descriptor(), data.channel());
  if (!lane) return false;
  if (data.descriptor() != 0 && data.eof() && !data.closed()) lane->output.shut_down_at_end();
  return lane->output.accept(data.offset(), data.bytes(), data.eof());
}

void StdioPump::progress() {
  const auto self = shared_from_this(); // drained() may drop the last reference
  wake();
  if (!drained_) return;
  for (const auto& lane : outputs_)
    if (!lane->output.done()) return;
  abandon_inputs();
  if (stream_) stream_->finish();
  std::exchange(drained_, nullptr)();
}

void StdioPump::abandon_inputs() {
  for (auto& lane : inputs_)
    lane->input.abandon();
}

void StdioPump::close_stdin() {
  loop_.post([self = shared_from_this()] { self->inputs_.front()->input.finish(); });
}

void StdioPump::process_ended() {
  loop_.post([self = shared_from_this()] { self->abandon_inputs(); });
}

void StdioPump::abort() {
  loop_.post([self = shared_from_this()] {
    if (self->stream_) self->stream_->cancel();
    self->stream_.reset();
    self->abandon_inputs();
    for (auto& lane : self->outputs_)
      lane->output.abandon();
    self->progress();
  });
}

} // namespace nacre::agent_client
