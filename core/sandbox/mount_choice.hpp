// Which way each mount of a container goes into the guest.
#pragma once

#include "oci/direct_volume.hpp"
#include "oci/spec.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nacre::sandbox {

// Memory of the guest as a file system, in place of one of the host's. Containers of a pod that bind the same
// one of the host's share it.
struct GuestMemory {
  std::string name;        // stands for the volume on the host; a file name
  std::uint64_t bytes = 0; // 0: the kernel's default
  std::uint32_t mode = 01777, uid = 0, gid = 0;
  std::vector<std::string> options; // "nosuid", "nodev", "noexec"
  std::uint64_t huge_page = 0;      // bytes of each of its pages; 0: a tmpfs
};
std::string guest_memory_path(const GuestMemory& memory); // where it is mounted in the guest

// A folder of a volume that is mounted instead of all of it (Kubernetes' subPath).
struct VolumeFolder {
  std::string path; // in the volume, without "/" at either end; "": all of it
  std::uint32_t mode = 0755, uid = 0, gid = 0;
};

// A disk of the guest's, in place of a folder of the host's in which its content is kept. Containers of a pod
// that bind the same folder share it.
struct GuestSpace {
  std::string folder;
  VolumeFolder root; // what the container sees; beside it the disk has its file system's own "lost+found"
};

// What becomes of one entry of `mounts`, in its order.
struct GuestMountChoice {
  enum class How {
    keep,      // the guest makes it as it is written: proc, sysfs, tmpfs, devpts, mqueue, cgroup
    guest_own, // a bind of something that the guest has itself: /dev, /proc, /sys
    memory, // a bind of memory of the host's (/dev/shm, an emptyDir of medium Memory): the guest's own memory
    device, // a bind of a device node of the host's
    socket, // a bind of a socket of the host's: relayed
    copy,   // a bind of a small folder of the host's whose changes are to be told inside: copied and watched
    space,  // an emptyDir that is a disk of the guest's: through a storage plugin
    volume, // a disk that a CSI driver hands over: through a storage plugin
    share,  // a bind of the host's: through a storage plugin
  };
  How how = How::keep;
  std::string host_source; // of all but keep and guest_own: absolute, not resolved
  GuestMemory memory;
  VolumeFolder folder; // memory, space
  GuestSpace space = {};
  std::optional<oci::DirectVolume> volume = std::nullopt;
};

// Looks at the host's files only to know memory and devices of the host's. Throws Error for a volume that
// cannot be made in the guest. `bundle`: for relative sources. `guest_empty_dirs`: an emptyDir on disk is to
// be one of the guest's.
std::vector<GuestMountChoice> choose_mounts(const oci::Spec& spec, const std::string& bundle,
                                            bool guest_empty_dirs = false);

// Whether one of them is a volume of huge pages.
bool has_huge_pages(const std::vector<GuestMountChoice>& choices);

// `shared` and `rshared`: what is mounted below it in the container is handed on.
bool gives_mounts(const std::vector<std::string>& options);
// And `slave` and `rslave`: what is mounted below its source appears.
bool follows_mounts(const std::vector<std::string>& options);

} // namespace nacre::sandbox
