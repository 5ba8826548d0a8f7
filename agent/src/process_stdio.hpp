// A process's pipes or terminal on one side, the host's stream on the other. The data are here, not in the
// stream, so they survive a lost connection.
#pragma once

#include "agent.pb.h"
#include "error.hpp"
#include "event_loop.hpp"
#include "stdio_channel.hpp"
#include "unique_fd.hpp"

#include <functional>
#include <memory>
#include <mutex>

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
  struct Output {
    Output(v1::StdioFrame::Channel name, std::size_t window) : channel(name), data(window) {}
    v1::StdioFrame::Channel channel;
    OutputChannel data;
    UniqueFd fd;
    EventLoop::Token token = 0;
    bool present = false;
    bool active = false; // something came since the last look of the grace time
  };

  void watch_output(Output& output);
  void read_output(Output& output);
  void end_output(Output& output);
  void write_input();
  void close_input();
  void lose_input_reader();
  void deliver(const v1::StdioFrame::Data& data);
  void acknowledge(const v1::StdioFrame::Ack& ack);
  bool next_frame(v1::StdioFrame& frame);
  void send_more();
  void look_after_grace();
  void drain(Output& output);
  void check_ended(std::unique_lock<std::mutex>& lock);

  EventLoop& loop_;
  std::mutex mutex_;
  InputChannel input_;
  UniqueFd input_fd_;
  EventLoop::Token input_token_ = 0;
  Output stdout_;
  Output stderr_;
  bool terminal_ = false;
  bool process_ended_ = false;
  std::uint64_t drain_deadline_ns_ = 0;
  std::function<void()> on_ended_;
  std::shared_ptr<StdioSink> sink_;
  bool sending_ = false;
  bool first_acknowledgement_due_ = false;
  bool input_reader_gone_ = false;     // the process has closed its stdin
  bool input_reader_gone_due_ = false; // the stream in place does not know yet
};

} // namespace nacre::agent
