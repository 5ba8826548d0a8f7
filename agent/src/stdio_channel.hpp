// The bookkeeping of one stdio channel: offsets and credit as agent.proto's StdioFrame lays down. No
// descriptors and no threads here.
#pragma once

#include "byte_ring.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nacre::agent {

inline constexpr std::size_t default_stdio_window = 262144;
inline constexpr std::size_t largest_stdio_piece = 65536;

// What the process has written and the host has not delivered yet. At most a window of it is unacknowledged
// on the wire and, until release_limit(), read from the process.
class OutputChannel {
public:
  struct Piece {
    std::uint64_t offset = 0;
    std::string bytes;
    bool eof = false;
  };

  explicit OutputChannel(std::size_t window) : window_(window), limit_(window) {}

  // How much may be read from the process now.
  std::size_t room() const noexcept { return limit_ - ring_.size(); }
  std::array<iovec, 2> free_space(std::size_t wanted) { return ring_.room(wanted); }
  void filled(std::size_t count) noexcept { ring_.commit(count); }
  void end() noexcept { ended_ = true; }
  bool ended() const noexcept { return ended_; }

  // Once the process is gone, what is left in its pipe may be taken in beyond the window: the pipe's size
  // bounds it, and so a reader that sleeps does not hold back the exit.
  void release_limit(std::size_t pipe_size) noexcept { limit_ = window_ + pipe_size; }

  // Nobody at the host reads any more: nothing is kept, and all that is still sent is the end.
  void abandon() noexcept;

  // The host has delivered all before `offset`. False when that was never sent, or has been taken back.
  bool acknowledge(std::uint64_t offset);
  // A new stream: the host has delivered all before `offset` and wants what follows. False when impossible.
  bool resume(std::uint64_t offset);
  // What to send now, or nothing.
  std::optional<Piece> next();
  // Everything has been read, sent and delivered.
  bool finished() const noexcept { return ended_ && eof_sent_ && ring_.size() == 0; }

private:
  std::uint64_t read_end() const noexcept { return acknowledged_ + ring_.size(); }

  std::size_t window_;
  std::size_t limit_;
  ByteRing ring_; // bytes from acknowledged_ on
  std::uint64_t acknowledged_ = 0;
  std::uint64_t sent_ = 0;
  bool ended_ = false;
  bool eof_sent_ = false;
  bool abandoned_ = false;
};

// What the host has sent and the process has not read yet.
class InputChannel {
public:
  enum class Received { taken, gap, beyond_window };

  explicit InputChannel(std::size_t window) : window_(window) {}

  // Bytes that came before (a host sends again after a reconnect) are dropped.
  Received receive(std::uint64_t offset, std::string_view bytes, bool eof);

  std::array<iovec, 2> pending() const { return ring_.pieces(0, ring_.size()); }
  bool empty() const noexcept { return ring_.size() == 0; }
  void delivered(std::size_t count) noexcept;
  // Nobody reads any more: what is here and what comes counts as delivered.
  void discard();
  // The host has said that nothing follows, and all before was delivered.
  bool ended() const noexcept { return eof_ && empty(); }

  // A new stream begins: its first frame acknowledges this.
  std::uint64_t resume() noexcept { return acknowledged_ = delivered_; }
  // An acknowledgement that is worth a frame: a quarter of the window, or the end.
  std::optional<std::uint64_t> next_acknowledgement() noexcept;

private:
  std::size_t window_;
  ByteRing ring_; // bytes from delivered_ on
  std::uint64_t delivered_ = 0;
  std::uint64_t acknowledged_ = 0;
  bool eof_ = false;
  bool discarding_ = false;
};

} // namespace nacre::agent
