// The host's end of a mount, looked at and cloned.
#pragma once

#include "base/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <utility>

namespace nacre::sandbox {

struct MountSource {
  UniqueFd fd;            // O_PATH
  std::string path;       // resolved
  std::string fstype;     // the host's
  std::uint32_t kind = 0; // NACRE_SOURCE_*
  std::uint32_t device_major = 0, device_minor = 0;
  std::pair<dev_t, ino_t> file;  // which one, by whatever path
  unsigned long mount_flags = 0; // ST_*
  std::uint64_t mount_id = 0;    // 0: the kernel does not say
  bool has_submounts = false;    // something is mounted below it
  bool on_private_mount = false; // mounts that the host makes below it reach no other namespace
};

// Throws Error: `what` is the noun of the message ("root file system", "mount source").
MountSource open_mount_source(const std::string& path, const std::string& what);

// A detached clone of the mount that the source is on, rooted there.
UniqueFd clone_mount(const MountSource& source, bool recursive);

} // namespace nacre::sandbox
