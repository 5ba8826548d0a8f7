// What becomes of each device of the host that a container asks for, by linux.devices or by a bind mount of
// its node: a block device is a disk of the virtual machine, a character device one of the guest's own, or
// refused.
#pragma once

#include "oci/spec.hpp"
#include "sandbox/device_number.hpp"
#include "sandbox/guest_devices.hpp"
#include "sandbox/host_disk.hpp"
#include "sandbox/mount_choice.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nacre::sandbox {

struct DeviceChoice {
  DeviceNumber host;
  std::string destination;          // in the container
  std::optional<HostDisk> disk;     // to be attached; not set: `own`
  GuestDevice own;                  // of the guest's
  bool read_only = false;           // the container may not write
  std::optional<std::size_t> mount; // its index among the mounts; not set: an entry of linux.devices
  std::size_t entry = 0;            // in linux.devices
  std::uint32_t mode = 0600, uid = 0, gid = 0; // of the node in the container
};

// Looks at the host's devices. Throws Error for one that the container cannot have. A privileged container
// has all of the guest's devices, and none of the host's but those that it mounts.
std::vector<DeviceChoice> choose_devices(const oci::Spec& spec, const std::vector<GuestMountChoice>& mounts);

} // namespace nacre::sandbox
