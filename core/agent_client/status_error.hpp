// A call's status as our error. The words come from the guest, which is not trusted: they are bounded and
// cleaned.
#pragma once

#include "agent_client/rpc.hpp"
#include "base/error.hpp"

#include <string>
#include <string_view>

namespace nacre::agent_client {

inline constexpr std::size_t guest_words_limit = 4096;

// At most guest_words_limit bytes of valid, printable UTF-8 on one line: control characters become spaces,
// broken sequences '?'.
std::string clean_guest_words(std::string_view words);

// `operation` and `object` as for Error. The status must not be OK.
Error to_error(const RpcStatus& status, std::string_view operation, std::string_view object);
// For an answer that is no message of the kind that was asked for.
Error unreadable_answer(std::string_view operation, std::string_view object);

} // namespace nacre::agent_client
