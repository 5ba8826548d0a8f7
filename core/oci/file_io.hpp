// Small files, whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace nacre::oci {

// The text of a regular file of at most `max_size` bytes; absent when there is no such file. `operation` is
// that of the Error thrown otherwise.
std::optional<std::string> read_file(const std::string& path, std::size_t max_size,
                                     std::string_view operation);

// Standard input to its end, which is the writer's close; empty when it is closed. Longer than `max_size` is
// refused.
std::string read_standard_input(std::size_t max_size, std::string_view operation);

// Replaces the file at once: readers see the old text or the new one. What was written so far is removed when
// writing fails.
void replace_file(const std::string& path, std::string_view text, mode_t mode, std::string_view operation);

} // namespace nacre::oci
