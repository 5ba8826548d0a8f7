// The process of `nacre exec`, from its flags or from a file.
#pragma once

#include "cli/command_line.hpp"
#include "oci/spec.hpp"

#include <string>

namespace nacre::cli {

// Declares the flags that describe a process.
void add_process_flags(CommandLine& line);

// --process FILE as it stands, else the container's own process (config.json of `bundle`) with the changes of
// flags and words, as runc does it. Throws Error.
oci::ProcessDocument exec_process(const CommandLine& line, const std::string& bundle);

} // namespace nacre::cli
