// Folders of the host's as copies in the guest's memory (agent.proto, FolderCopy).
#pragma once

#include "agent.pb.h"

#include <string>

namespace nacre::agent {

// Makes the folder, or makes what is there the same. Throws Error.
void update_folder_copy(const v1::FolderCopy& wanted);
void remove_folder_copy(const std::string& path) noexcept;

} // namespace nacre::agent
