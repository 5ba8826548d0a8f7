// Signals as users write them.
#pragma once

#include <string>
#include <string_view>

namespace nacre::cli {

// "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "RTMAX-1" to the number, 1 to 64. Throws Error.
int parse_signal(std::string_view text);

} // namespace nacre::cli
