// The action `delete`: takes away what a container left whose sandbox process is dead, or does not answer any
// more.
#pragma once

#include "shim/arguments.hpp"

#include <string>

namespace nacre::shim {

// containerd's: runs with -bundle or in the bundle's folder; returns the serialized DeleteResponse for
// standard output. Throws Error.
std::string containerd_delete(const Arguments& arguments);

// nacre's: --state-dir.
void command_line_delete(const Arguments& arguments);

} // namespace nacre::shim
