// A disk that the host has made larger.
#pragma once

#include "agent.pb.h"

namespace nacre::agent {

class Modules;

// Waits until the kernel knows the disk's new size, then grows the file system on it, which stays mounted.
// Throws Error.
void grow_disk(Modules& modules, const v1::GrowDiskRequest& request);

} // namespace nacre::agent
