// Removes a folder with everything in it.
#pragma once

#include <string>

namespace nacre::journal {

// Follows no symlink and crosses no mount point, bind mounts of the same file system included: what is
// mounted there is somebody's data. A mount point left inside is an error (failed_precondition). Missing is
// fine. Throws Error.
void remove_folder_tree(const std::string& path);

} // namespace nacre::journal
