// A small file of the host's that the guest gets a copy of.
#pragma once

#include "agent_client/agent_client.hpp"
#include "sandbox/mount_source.hpp"

#include <string>

namespace nacre::sandbox {

// With the file's owner and mode, to be made at `guest_path`. Throws Error.
agent_client::v1::CopiedFile copy_of(const MountSource& source, const std::string& guest_path);

} // namespace nacre::sandbox
