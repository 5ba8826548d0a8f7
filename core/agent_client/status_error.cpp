#include "agent_client/status_error.hpp"

namespace nacre::agent_client {
namespace {

// Length of the valid UTF-8 sequence at the start of `text`, 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xc2 && byte(0) <= 0xdf) return continues(1) ? 2 : 0;
  if (byte(0) >= 0xe0 && byte(0) <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0; // overlong
    if (byte(0) == 0xed && byte(1) > 0x9f) return 0; // surrogate
    return 3;
  }
  if (byte(0) >= 0xf0 && byte(0) <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
    if (byte(0) == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

// google.rpc.Code.
ErrorCode code_of(int code) {
  switch (code) {
  case 3:  // INVALID_ARGUMENT
  case 11: // OUT_OF_RANGE
    return ErrorCode::invalid_argument;
  case 4: // DEADLINE_EXCEEDED
    return ErrorCode::deadline_exceeded;
  case 5: // NOT_FOUND
    return ErrorCode::not_found;
  case 6: // ALREADY_EXISTS
    return ErrorCode::already_exists;
  case 7:  // PERMISSION_DENIED
  case 16: // UNAUTHENTICATED
    return ErrorCode::permission_denied;
  case 8: // RESOURCE_EXHAUSTED
    return ErrorCode::resource_exhausted;
  case 9: // FAILED_PRECONDITION
    return ErrorCode::failed_precondition;
  case 1:  // CANCELLED
  case 10: // ABORTED
    return ErrorCode::aborted;
  case 12: // UNIMPLEMENTED
    return ErrorCode::unimplemented;
  case 14: // UNAVAILABLE
    return ErrorCode::unavailable;
  case 13: // INTERNAL
  case 15: // DATA_LOSS
    return ErrorCode::internal;
  default:
    return ErrorCode::unknown;
  }
}

} // namespace

std::string clean_guest_words(std::string_view words) {
  std::string clean;
  while (!words.empty()) {
    const std::size_t length = sequence_length(words);
    const std::size_t taken = length == 0 ? 1 : length;
    if (clean.size() + taken > guest_words_limit) break;
    const auto first = static_cast<unsigned char>(words[0]);
    const bool c1_control = length == 2 && first == 0xc2 && static_cast<unsigned char>(words[1]) < 0xa0;
    if (length == 0) {
      clean += '?';
    } else if (first < 0x20 || first == 0x7f || c1_control) {
      clean += ' ';
    } else {
      clean.append(words.substr(0, length));
    }
    words.remove_prefix(taken);
  }
  while (!clean.empty() && clean.back() == ' ')
    clean.pop_back();
  return clean;
}

Error to_error(const RpcStatus& status, std::string_view operation, std::string_view object) {
  Error error(code_of(status.code), operation, object);
  const std::string words = clean_guest_words(status.message);
  if (!words.empty())
    error.because(words);
  else if (error.code() ==
           ErrorCode::unimplemented) // gRPC's own answer for a call that its server does not know
    error.because("the guest's agent does not know how")
        .hint("install the guest image of this version of Nacre");
  return error;
}

Error unreadable_answer(std::string_view operation, std::string_view object) {
  return Error(ErrorCode::internal, operation, object).because("the agent's answer cannot be read");
}

} // namespace nacre::agent_client
