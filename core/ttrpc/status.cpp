#include "ttrpc/status.hpp"

namespace nacre::ttrpc {
namespace {

constexpr std::size_t message_max = 64 << 10; // a status must fit into a frame together with its envelope

// proto3 strings are UTF-8; an error may quote a path with any bytes in it. Go refuses the whole response then.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, message_max))
    out.push_back(static_cast<unsigned char>(c) < 0x80 ? c : '?');
  return out;
}

bool is_ascii(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
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
  case ErrorCode::unavailable: return static_cast<ErrorCode>(code);
  default: return ErrorCode::unknown;
  }
}

} // namespace

wire::Status to_status(ErrorCode code, std::string_view message) {
  wire::Status status;
  status.set_code(static_cast<int>(code));
  status.set_message(is_ascii(message) && message.size() <= message_max ? std::string(message) : printable(message));
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
