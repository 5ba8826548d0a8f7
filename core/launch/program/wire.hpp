// Reads and writes protobuf's wire format, as far as plan.proto needs it. The lite runtime would do this too,
// but a holder lives as long as its container, and the runtime more than doubles its resident set (1.4 MiB
// against 0.6). No message is ever built: each step looks for its own fields in the bytes that arrived.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace nacre::launch {

using Message = std::string_view; // the bytes of one message

[[noreturn]] void fail_malformed(); // the plan is cut off or no protobuf

struct Field {
  std::uint32_t number;
  std::uint64_t value;    // varint and fixed types
  std::string_view bytes; // strings, bytes, messages, packed numbers
  bool is_bytes;
};

inline std::uint64_t take_varint(std::string_view& rest) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest.empty()) fail_malformed();
    const auto byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail_malformed();
}

inline std::string_view take_bytes(std::string_view& rest, std::uint64_t length) {
  if (length > rest.size()) fail_malformed();
  const std::string_view bytes(rest.data(), length);
  rest.remove_prefix(length);
  return bytes;
}

inline Field take_field(std::string_view& rest) {
  const std::uint64_t tag = take_varint(rest);
  Field field{static_cast<std::uint32_t>(tag >> 3), 0, {}, false};
  switch (tag & 7) {
  case 0:
    field.value = take_varint(rest);
    break;
  case 1:
    take_bytes(rest, 8);
    break; // fixed64 and fixed32: no field of ours
  case 2:
    field.bytes = take_bytes(rest, take_varint(rest));
    field.is_bytes = true;
    break;
  case 5:
    take_bytes(rest, 4);
    break;
  default:
    fail_malformed();
  }
  return field;
}

// Calls `visit(bytes)` for each string, bytes or message of this field.
template <typename Visit> void for_each(Message message, std::uint32_t number, Visit&& visit) {
  while (!message.empty()) {
    const Field field = take_field(message);
    if (field.number == number && field.is_bytes) visit(field.bytes);
  }
}

// Calls `visit(value)` for each number of this field, packed or not.
template <typename Visit> void for_each_number(Message message, std::uint32_t number, Visit&& visit) {
  while (!message.empty()) {
    const Field field = take_field(message);
    if (field.number != number) continue;
    if (!field.is_bytes) visit(field.value);
    for (auto packed = field.bytes; !packed.empty();)
      visit(take_varint(packed));
  }
}

// The last value counts, as in protobuf; 0 and "" when there is none.
inline std::uint64_t number_of(Message message, std::uint32_t number) {
  std::uint64_t value = 0;
  for_each_number(message, number, [&](std::uint64_t found) { value = found; });
  return value;
}

inline std::string_view text_of(Message message, std::uint32_t number) {
  std::string_view text;
  for_each(message, number, [&](std::string_view found) { text = found; });
  return text;
}

inline bool has(Message message, std::uint32_t number) {
  bool found = false;
  for_each(message, number, [&](std::string_view) { found = true; });
  return found;
}

// Writes into a buffer of fixed size; what does not fit is cut from the strings.
class Writer {
public:
  void number(std::uint32_t field, std::uint64_t value) {
    varint(field << 3);
    varint(value);
  }
  void text(std::uint32_t field, std::string_view value) {
    const std::size_t most = sizeof(buffer_) - size_ < 16 ? 0 : sizeof(buffer_) - size_ - 16;
    if (value.size() > most) value = {value.data(), most};
    varint(field << 3 | 2);
    varint(value.size());
    std::memcpy(buffer_ + size_, value.data(), value.size());
    size_ += value.size();
  }
  std::string_view bytes() const { return {buffer_, size_}; }

private:
  void varint(std::uint64_t value) {
    while (value >= 0x80 && size_ < sizeof(buffer_)) {
      buffer_[size_++] = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    if (size_ < sizeof(buffer_)) buffer_[size_++] = static_cast<char>(value);
  }
  char buffer_[4096];
  std::size_t size_ = 0;
};

} // namespace nacre::launch
