#include "stdio_channel.hpp"

#include <algorithm>

namespace nacre::agent {

void OutputChannel::abandon() noexcept {
  ring_.drop(ring_.size());
  acknowledged_ = sent_;
  ended_ = true;
  abandoned_ = true;
}

bool OutputChannel::acknowledge(std::uint64_t offset) {
  if (abandoned_) return true;
  if (offset < acknowledged_) return true; // an old one, overtaken by a newer
  if (offset > sent_) return false;
  ring_.drop(static_cast<std::size_t>(offset - acknowledged_));
  acknowledged_ = offset;
  return true;
}

bool OutputChannel::resume(std::uint64_t offset) {
  if (abandoned_) acknowledged_ = offset;
  if (offset < acknowledged_ || offset > read_end()) return false;
  sent_ = offset;
  eof_sent_ = false;
  return acknowledge(offset);
}

std::optional<OutputChannel::Piece> OutputChannel::next() {
  const auto in_flight = static_cast<std::size_t>(sent_ - acknowledged_);
  const auto credit = window_ - std::min(window_, in_flight);
  const auto length = std::min({ring_.size() - in_flight, credit, largest_stdio_piece});
  const bool last = ended_ && sent_ + length == read_end();
  if (length == 0 && (!last || eof_sent_)) return std::nullopt;

  Piece piece;
  piece.offset = sent_;
  piece.bytes.reserve(length);
  for (const auto& part : ring_.pieces(in_flight, length)) {
    piece.bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  piece.eof = last;
  sent_ += length;
  eof_sent_ = eof_sent_ || last;
  return piece;
}

InputChannel::Received InputChannel::receive(std::uint64_t offset, std::string_view bytes, bool eof) {
  const auto end = delivered_ + ring_.size();
  if (offset > end) return Received::gap;
  const auto known = std::min<std::uint64_t>(end - offset, bytes.size());
  bytes.remove_prefix(static_cast<std::size_t>(known));
  if (ring_.size() + bytes.size() > window_) return Received::beyond_window;
  if (discarding_) {
    delivered_ += bytes.size();
  } else {
    ring_.append(bytes);
  }
  eof_ = eof_ || eof;
  return Received::taken;
}

void InputChannel::delivered(std::size_t count) noexcept {
  ring_.drop(count);
  delivered_ += count;
}

void InputChannel::discard() {
  discarding_ = true;
  delivered(ring_.size());
}

std::optional<std::uint64_t> InputChannel::next_acknowledgement() noexcept {
  const auto behind = delivered_ - acknowledged_;
  if (behind == 0 || (behind < window_ / 4 && !ended())) return std::nullopt;
  acknowledged_ = delivered_;
  return acknowledged_;
}

} // namespace nacre::agent
