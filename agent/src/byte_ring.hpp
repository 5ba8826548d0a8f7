// A queue of bytes that grows as it is used, up to a bound.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <sys/uio.h>

namespace nacre::agent {

class ByteRing {
public:
  std::size_t size() const noexcept { return size_; }

  // Appends; the caller keeps the bound.
  void append(std::string_view bytes);

  // Up to two pieces of free room, together `wanted` bytes, for readv(2); commit() says how many were filled.
  std::array<iovec, 2> room(std::size_t wanted);
  void commit(std::size_t filled) noexcept { size_ += filled; }

  // Up to two pieces that hold the bytes from `from`, at most `length`, for writev(2) and the like.
  std::array<iovec, 2> pieces(std::size_t from, std::size_t length) const;

  void drop(std::size_t count) noexcept;

private:
  void reserve(std::size_t wanted);
  std::array<iovec, 2> spans(std::size_t from, std::size_t length) const;

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0; // power of two
  std::size_t start_ = 0;
  std::size_t size_ = 0;
};

} // namespace nacre::agent
