// A descriptor that somebody gave us for a process's stdio. O_NONBLOCK belongs to the open file description,
// which the giver shares, so it is never set there; where the kernel can open the same file anew, the new
// description is ours and does not block.
#pragma once

#include "base/unique_fd.hpp"

#include <string_view>
#include <sys/types.h>

namespace nacre::agent_client {

class ForeignFd {
public:
  enum class Direction { read, write };

  ForeignFd() = default;
  ForeignFd(UniqueFd fd, Direction direction);

  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  int get() const noexcept { return fd_.get(); }
  void reset() noexcept { fd_.reset(); }

  // As read(2) and write(2): EAGAIN where it would block. For the few files that block and cannot be opened
  // anew, the caller must have seen them ready before.
  ssize_t read(char* bytes, std::size_t capacity) noexcept;
  ssize_t write(std::string_view bytes) noexcept;
  // As shutdown(2), which is seen by all who share a socket; nothing for other files.
  void shut_down(Direction direction) noexcept;

private:
  enum class Kind {
    plain,  // read(2) and write(2): never blocks, or our own description
    socket, // MSG_DONTWAIT
    polled, // may block: asked with poll(2), in pieces that fit when it is ready
  };
  UniqueFd fd_;
  Kind kind_ = Kind::plain;
};

} // namespace nacre::agent_client
