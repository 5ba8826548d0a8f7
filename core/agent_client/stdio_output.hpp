// The host's end of a process's stdout or stderr: what the guest sends is written as the reader takes it;
// what waits is bounded by the credit. Only on the loop's thread.
#pragma once

#include "agent_client/byte_queue.hpp"
#include "agent_client/foreign_fd.hpp"
#include "agent_client/io_loop.hpp"

#include <cstdint>
#include <functional>
#include <string_view>

namespace nacre::agent_client {

class StdioOutput {
public:
  // `progress`: bytes were delivered, the channel has ended, or its reader has gone. An empty `fd` throws
  // away.
  StdioOutput(IoLoop& loop, UniqueFd fd, std::function<void()> progress);
  ~StdioOutput();
  StdioOutput(const StdioOutput&) = delete;
  StdioOutput& operator=(const StdioOutput&) = delete;

  // From now on the reader's going is noticed at once, not only with the next byte. Of pipes and sockets.
  void watch_reader();
  // The end of a socket's channel is told to who reads it (shutdown(2)), as some may share the socket.
  void shut_down_at_end() noexcept { shuts_down_ = true; }

  // What the guest sent. Bytes that arrived before (after a reconnect) are skipped. False: a gap, more than
  // the credit, or bytes after the end; the guest breaks the protocol.
  bool accept(std::uint64_t offset, std::string_view bytes, bool eof);
  // The channel is over as it is: what waits is dropped, the descriptor is closed.
  void abandon();

  std::uint64_t delivered() const noexcept { return delivered_; } // or thrown away
  bool waiting() const noexcept { return !queue_.empty(); }
  bool done() const noexcept { return eof_ && queue_.empty(); }
  bool reader_gone() const noexcept { return reader_gone_; }

private:
  bool write(std::string_view& bytes); // false: would block; what is left stays in `bytes`
  void ready(std::uint32_t events);
  void writable();
  void wait_for_room();
  void stop_waiting();
  void unwatch();
  void lose_reader();
  void finish_if_done();

  IoLoop& loop_;
  ForeignFd fd_;
  std::function<void()> progress_;
  IoLoop::Id watch_ = 0;
  ByteQueue queue_;
  std::uint64_t delivered_ = 0;
  bool discards_;
  bool eof_ = false;
  bool reader_gone_ = false;
  bool watches_reader_ = false;
  bool shuts_down_ = false;
};

} // namespace nacre::agent_client
