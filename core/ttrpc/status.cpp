#include "ttrpc/status.hpp"

#include <algorithm>
#include <string>

namespace nacre::ttrpc {
namespace {

constexpr std::size_t message_max = 64 << 10; // a status must fit into a frame together with its envelope

// Length of the UTF-8 sequence at the start of `text`, 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  const auto second = length > 1 ? static_cast<unsigned char>(text[1]) : 0;
  // Overlong forms, surrogates, beyond U+10FFFF.
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
      (lead == 0xf4 && second > 0x8f))
    return 0;
  return length;
}

// proto3 strings are UTF-8, and Go refuses a whole response for one bad byte; an error may quote a path with
// any bytes.
std::string printable(std::string_view text) {
  std::string out;
  for (text = text.substr(0, message_max); !text.empty();) {
    const auto length = sequence_length(text);
    out.append(length > 0 ? text.substr(0, length) : "?");
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

ErrorCode known_code(int code) {
  switch (static_cast<ErrorCode>(code)) {
  case ErrorCode::invalid_argument:
  case ErrorCode::deadline_exceeded:
  case ErrorCode::not_found:
  case ErrorCode::already_exists:
  case ErrorCode::permission_denied:
  case ErrorCode::resource_exhausted:
  case ErrorCode::failed_precondition:
  case ErrorCode::aborted:
  case ErrorCode::unimplemented:
  case ErrorCode::internal:
  case ErrorCode::unavailable:
    return static_cast<ErrorCode>(code);
  default:
    return ErrorCode::unknown;
  }
}

} // namespace

wire::Status to_status(ErrorCode code, std::string_view message) {
  wire::Status status;
  status.set_code(static_cast<int>(code));
  status.set_message(printable(message));
  return status;
}

wire::Status to_status(const std::exception& error) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  return to_status(ours ? ours->code() : ErrorCode::unknown, error.what());
}

void throw_if_failed(const wire::Status& status) {
  if (status.code() != 0) throw Error(known_code(status.code()), status.message());
}

} // namespace nacre::ttrpc
