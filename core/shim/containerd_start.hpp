// The action `start`: makes the sandbox process of a container, or finds the one of its pod, and says where
// it listens.
#pragma once

#include "shim/arguments.hpp"

namespace nacre::shim {

// Runs in the bundle's folder; reads standard input to its end. What it prints to standard output is the
// answer to containerd, and nothing else may be. Throws Error.
void containerd_start(const Arguments& flags);

} // namespace nacre::shim
