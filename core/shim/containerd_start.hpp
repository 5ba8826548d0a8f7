// The action `start`: makes the sandbox process of a container, or finds the one of its pod, and says where
// it listens.
#pragma once

#include "shim/arguments.hpp"

namespace nacre::shim {

// Runs in the bundle's folder. What it prints to standard output is the answer to containerd, and nothing
// else may be. Throws Error.
void containerd_start(const Arguments& arguments);

// The answer: a bare address, as every containerd takes it, or JSON where containerd asked for more
// (MAX_SHIM_VERSION). `max_version` may be null.
std::string start_answer(const std::string& socket_path, const char* max_version);

} // namespace nacre::shim
