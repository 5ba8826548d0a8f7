// What another process says through a pipe.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace nacre::cli {

// Appends everything until the pipe closes; false: the patience was over before. `speaker` names the process
// in errors. Throws Error.
bool read_to_end(int fd, std::optional<std::chrono::milliseconds> patience, const std::string& speaker,
                 std::string& text);

} // namespace nacre::cli
