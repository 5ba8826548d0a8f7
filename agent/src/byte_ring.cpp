#include "byte_ring.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace nacre::agent {

namespace {
constexpr std::size_t first_capacity = 4096;
constexpr std::size_t kept_when_empty = 65536;
} // namespace

std::array<iovec, 2> ByteRing::spans(std::size_t from, std::size_t length) const {
  if (length == 0) return {};
  const auto begin = (start_ + from) & (capacity_ - 1);
  const auto first = std::min(length, capacity_ - begin);
  return {iovec{bytes_.get() + begin, first}, iovec{bytes_.get(), length - first}};
}

void ByteRing::reserve(std::size_t wanted) {
  if (size_ + wanted <= capacity_) return;
  const auto capacity = std::bit_ceil(std::max(first_capacity, size_ + wanted));
  std::unique_ptr<char[]> bytes(new char[capacity]);
  std::size_t at = 0;
  for (const auto& piece : spans(0, size_)) {
    if (piece.iov_len > 0) std::memcpy(bytes.get() + at, piece.iov_base, piece.iov_len);
    at += piece.iov_len;
  }
  bytes_ = std::move(bytes);
  capacity_ = capacity;
  start_ = 0;
}

void ByteRing::append(std::string_view bytes) {
  for (const auto& piece : room(bytes.size())) {
    if (piece.iov_len > 0) std::memcpy(piece.iov_base, bytes.data(), piece.iov_len);
    bytes.remove_prefix(piece.iov_len);
    commit(piece.iov_len);
  }
}

std::array<iovec, 2> ByteRing::room(std::size_t wanted) {
  reserve(wanted);
  return spans(size_, wanted);
}

std::array<iovec, 2> ByteRing::pieces(std::size_t from, std::size_t length) const {
  if (from >= size_) return {};
  return spans(from, std::min(length, size_ - from));
}

void ByteRing::drop(std::size_t count) noexcept {
  size_ -= count;
  start_ = capacity_ == 0 ? 0 : (start_ + count) & (capacity_ - 1);
  if (size_ == 0 && capacity_ > kept_when_empty) {
    bytes_.reset();
    capacity_ = 0;
    start_ = 0;
  }
}

} // namespace nacre::agent
