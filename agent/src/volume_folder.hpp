// A folder of a volume in the guest's memory, mounted by itself (Kubernetes' subPath).
#pragma once

#include <string>
#include <sys/types.h>

namespace nacre::agent {

// For folders that are missing.
struct FolderOwner {
  mode_t mode = 0755;
  uid_t uid = 0;
  gid_t gid = 0;
};

// Mounts the folder `path` of the volume on `target`, which exists. No link is followed: containers write
// into the volume, and one that put a link there would be given files of the guest's or of another
// container's. Throws Error.
void mount_volume_folder(const std::string& volume, const std::string& path, const FolderOwner& owner,
                         const std::string& target);

} // namespace nacre::agent
