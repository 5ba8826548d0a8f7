// The group of a volume's files (Kubernetes' fsGroup), set as kubelet does it on volumes that it mounts.
#pragma once

#include <string>
#include <sys/types.h>

namespace nacre::agent {

// Every file below the folder `volume`, and it, gets the group, which may read and write it; folders hand it
// on to what is made in them. `on_mismatch_only`: nothing is done where the folder itself has all that
// already. Nobody else uses the volume yet. Throws Error.
void set_volume_group(const std::string& volume, gid_t group, bool on_mismatch_only);

} // namespace nacre::agent
