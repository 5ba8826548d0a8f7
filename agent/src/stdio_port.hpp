// One channel of a process's stdio: the agent's descriptor and what is on its way through it. Used by
// ProcessStdio only, under its mutex.
#pragma once

#include "agent.pb.h"
#include "event_loop.hpp"
#include "stdio_channel.hpp"
#include "unique_fd.hpp"

namespace nacre::agent {

// What the process reads.
struct InputPort {
  InputPort(std::uint32_t number, std::size_t window) : descriptor(number), data(window) {}

  // Writes as much as the process takes; true: the rest waits for it.
  bool write_blocks();
  // The host has ended it: the process sees the end of the file.
  void finish();
  // The process reads no more; the host is to be told.
  void lose_reader();
  // Nobody is told.
  void close();
  // The frame that is due now, `closed` and all; false: none.
  bool next_frame(v1::StdioFrame& frame);
  // A new stream begins.
  void resume() noexcept;

  const std::uint32_t descriptor; // 0: stdin
  InputChannel data;
  UniqueFd fd;
  EventLoop* loop = nullptr; // of the watch; null: none
  EventLoop::Token token = 0;
  bool terminal = false;
  bool socket = false; // `fd` is a duplicate of the output port's, and ends by shutdown(2)
  bool first_acknowledgement_due = false;
  bool reader_gone = false;     // the process has closed its end
  bool reader_gone_due = false; // the stream in place does not know yet
  bool closed = false;          // of a socket: not one direction, but all of it
};

// What the process writes.
struct OutputPort {
  OutputPort(std::uint32_t number, v1::StdioFrame::Channel name, std::size_t window)
      : descriptor(number), channel(name), data(window) {}

  // Reads once if the host's credit allows, and asks to be called again. Without credit it stays disarmed
  // until the next call.
  void read();
  // Reads until the channel is empty, at its end, or has no room.
  void drain();
  // No more is read; what was read is still sent.
  void end();
  // Nobody at the host reads: the process gets EPIPE, a terminal hangs up.
  void abandon();
  bool next_frame(v1::StdioFrame& frame);
  // The process has ended: what is left in the kernel's buffer may be taken in beyond the window.
  void release_limit();
  bool finished() const noexcept { return !present || data.finished(); }

  const std::uint32_t descriptor; // 0: stdout or stderr
  const v1::StdioFrame::Channel channel;
  OutputChannel data;
  UniqueFd fd;
  EventLoop* loop = nullptr;
  EventLoop::Token token = 0;
  bool present = false;
  bool socket = false;
  bool closed = false; // of a socket: the process has no descriptor of it any more
  bool active = false; // something came since the last look of the grace time
};

} // namespace nacre::agent
