#include "ttrpc/frame.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <utility>

namespace nacre::ttrpc {
namespace {

std::uint32_t read_big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i)
    value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

void append_big_endian(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift));
}

} // namespace

std::string encode_frame(std::uint32_t stream, FrameType type, std::string_view payload) {
  if (payload.size() > frame_payload_max)
    throw Error(ErrorCode::resource_exhausted, "send message")
        .because(std::to_string(payload.size()) + " bytes are more than ttrpc's limit of 4 MiB");
  std::string frame;
  frame.reserve(frame_header_size + payload.size());
  append_big_endian(frame, static_cast<std::uint32_t>(payload.size()));
  append_big_endian(frame, stream);
  frame.push_back(static_cast<char>(type));
  frame.push_back(0);
  frame.append(payload);
  return frame;
}

std::optional<Frame> FrameReader::next() {
  if (skip_ > 0) {
    const auto now = std::min(skip_, buffer_.size());
    buffer_.erase(0, now);
    skip_ -= now;
    if (skip_ > 0) return std::nullopt;
    return std::exchange(oversized_, Frame{});
  }
  if (buffer_.size() < frame_header_size) return std::nullopt;
  const std::size_t length = read_big_endian(buffer_);
  Frame frame;
  frame.stream = read_big_endian(std::string_view(buffer_).substr(4));
  frame.type = static_cast<std::uint8_t>(buffer_[8]);
  frame.flags = static_cast<std::uint8_t>(buffer_[9]);
  if (length > frame_payload_max) {
    frame.oversized = true;
    oversized_ = std::move(frame);
    buffer_.erase(0, frame_header_size);
    skip_ = length;
    return next();
  }
  if (buffer_.size() < frame_header_size + length) return std::nullopt;
  frame.payload.assign(buffer_, frame_header_size, length);
  if (buffer_.size() == frame_header_size + length)
    std::string().swap(buffer_); // give the memory of a large frame back
  else
    buffer_.erase(0, frame_header_size + length);
  return frame;
}

} // namespace nacre::ttrpc
