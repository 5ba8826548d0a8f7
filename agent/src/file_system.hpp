// How full a file system of the guest is.
#pragma once

#include "agent.pb.h"

#include <string>

namespace nacre::agent {

// Of what is mounted at a path below /run/nacre. Throws Error.
void stat_file_system(const std::string& path, v1::StatFileSystemReply& reply);

} // namespace nacre::agent
