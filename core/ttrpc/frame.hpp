// ttrpc's frames: a header of ten bytes (payload length, stream id, type, flags; big endian), then the
// payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nacre::ttrpc {

inline constexpr std::size_t frame_header_size = 10;
inline constexpr std::size_t frame_payload_max = 4u << 20; // larger ones are refused by every ttrpc peer

enum class FrameType : std::uint8_t {
  request = 1,
  response = 2,
  data = 3
}; // others are ignored, as ttrpc asks

struct Frame {
  std::uint32_t stream = 0;
  std::uint8_t type = 0; // FrameType, or one that we do not know
  std::uint8_t flags = 0;
  bool oversized = false; // the payload was longer than frame_payload_max and has been skipped
  std::string payload;
};

// Throws Error(resource_exhausted) when the payload is too long.
std::string encode_frame(std::uint32_t stream, FrameType type, std::string_view payload);

// Cuts a byte stream into frames. Holds at most one frame and what was fed behind it; the bytes of an
// oversized frame are dropped as they come.
class FrameReader {
public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  std::optional<Frame> next(); // empty: feed more
  bool inside_frame() const { return !buffer_.empty() || skip_ > 0; }

private:
  std::string buffer_;
  std::size_t skip_ = 0; // bytes of an oversized frame still to come
  Frame oversized_;
};

} // namespace nacre::ttrpc
