// A process's pipes or terminal on one side, the host's stream on the other. The data are here, not in the
// stream, so they survive a lost connection.
#pragma once

#include "agent.pb.h"
#include "error.hpp"
#include "event_loop.hpp"
#include "stdio_port.hpp"
#include "unique_fd.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace nacre::agent {

// The host's end of the stream (stdio_stream.hpp).
class StdioSink {
public:
  virtual ~StdioSink() = default;
  // Takes one frame and calls ProcessStdio::frame_sent() when the next may come. Never calls back from
  // inside.
  virtual void send(v1::StdioFrame frame) = 0;
  // Ends the stream: well, or with the reason.
  virtual void finish() = 0;
  virtual void fail(const Error& error) = 0;
};

// The agent's own ends of a process's stdio, in non-blocking mode (their file descriptions are the agent's
// alone).
struct StdioEnds {
  UniqueFd in;  // none: what the host sends is dropped
  UniqueFd out; // with a terminal: its master, and `in` a duplicate of it
  UniqueFd err; // none with a terminal
  bool terminal = false;

  // One above 2, in order from 3.
  struct Descriptor {
    UniqueFd in;         // none: the process does not read from it
    UniqueFd out;        // none: the process does not write to it
    bool socket = false; // both are of the same socket
  };
  std::vector<Descriptor> descriptors;
};

// Thread-safe. Lock order: the mutex here, then a sink's.
class ProcessStdio : public std::enable_shared_from_this<ProcessStdio> {
public:
  ProcessStdio(EventLoop& loop, std::size_t window);
  ProcessStdio(const ProcessStdio&) = delete;
  ProcessStdio& operator=(const ProcessStdio&) = delete;
  ~ProcessStdio();

  void start(StdioEnds ends);

  // A stream begins; the one before is ended. Throws Error when its offsets cannot be served.
  void attach(std::shared_ptr<StdioSink> sink, const v1::StdioFrame::Open& open);
  // The stream is over; nothing is sent to it any more.
  void detach(const StdioSink* sink);
  // A frame of the host. Throws Error for one against the rules.
  void receive(const StdioSink* sink, const v1::StdioFrame& frame);
  void frame_sent(const StdioSink* sink);

  void resize(std::uint32_t rows, std::uint32_t columns); // throws Error when there is no terminal

  // The process has ended: reads what is left, then calls `ended` once, from any thread.
  void process_ended(std::function<void()> ended);
  // Forgets data and ends the stream: the process is being removed.
  void close();

private:
  using Frame = v1::StdioFrame;

  void watch_input(InputPort& input);
  void watch_output(OutputPort& output);
  void add_descriptor(std::uint32_t number, StdioEnds::Descriptor ends);
  void write_input(InputPort& input);
  void deliver(const Frame::Data& data);
  void acknowledge(const Frame::Ack& ack);
  InputPort& input_of(std::uint32_t descriptor);
  OutputPort& output_of(std::uint32_t descriptor, Frame::Channel channel);
  bool next_frame(Frame& frame);
  void send_more();
  void look_after_grace();
  void look_later();
  bool any_output_open() const;
  void check_ended(std::unique_lock<std::mutex>& lock);

  EventLoop& loop_;
  const std::size_t window_;
  std::mutex mutex_;
  // Never fewer than these: stdin; stdout and stderr. Then those of the descriptors, in order.
  std::vector<std::unique_ptr<InputPort>> inputs_;
  std::vector<std::unique_ptr<OutputPort>> outputs_;
  std::size_t last_sent_ = 0; // of outputs_: they take turns
  bool terminal_ = false;
  bool process_ended_ = false;
  std::uint64_t drain_deadline_ns_ = 0;
  std::function<void()> on_ended_;
  std::shared_ptr<StdioSink> sink_;
  bool sending_ = false;
};

} // namespace nacre::agent
