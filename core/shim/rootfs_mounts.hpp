// The mounts that containerd asks for in Task.Create: <bundle>/rootfs, in the mount namespace of the sandbox
// process, which is the caller's, so that containerd finds (and after a crash removes) them where it expects
// them.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace nacre::shim {

struct RootfsMount {
  std::string type, source;
  std::string target; // below the rootfs; empty: the rootfs itself
  std::vector<std::string> options;
};

// fstab words as mount(2) wants them. Throws Error(invalid_argument, unimplemented).
struct MountFlags {
  unsigned long flags = 0;
  unsigned long propagation = 0; // MS_PRIVATE and the like, a call of its own
  std::string data;
};
MountFlags parse_mount_options(std::span<const std::string> options);

// Whether the root file system is one device, which a guest can mount as well as the host.
bool is_one_device(std::span<const RootfsMount> mounts);

// All or nothing. `rootfs` is made if it is missing. Throws Error.
void mount_rootfs(const std::string& rootfs, std::span<const RootfsMount> mounts);

// Removes every mount on `rootfs`, detached. A missing path or mount is fine. Throws Error.
void unmount_rootfs(const std::string& rootfs);

} // namespace nacre::shim
