// The flags of `nacre update`, as runc has them, made into an OCI linux.resources object.
#pragma once

#include "cli/command_line.hpp"

#include <cstdint>
#include <string>

namespace nacre::cli {

void add_resource_flags(CommandLine& line);
// JSON; only what was given is in it. Throws Error in runc's words.
std::string resources_of_flags(const CommandLine& line);

// Docker's sizes: "100m", "1.5 GiB", "-1". Throws Error.
std::int64_t parse_size(const std::string& text);

} // namespace nacre::cli
