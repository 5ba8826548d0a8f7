// gRPC's status as our error. The words come from the guest, which is not trusted: they are bounded and
// cleaned.
#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>

namespace grpc {
class Status;
}

namespace nacre::agent_client {

inline constexpr std::size_t guest_words_limit = 4096;

// At most guest_words_limit bytes of valid, printable UTF-8 on one line: control characters become spaces,
// broken sequences '?'.
std::string clean_guest_words(std::string_view words);

// `operation` and `object` as for Error. The status must not be OK.
Error to_error(const grpc::Status& status, std::string_view operation, std::string_view object);

} // namespace nacre::agent_client
