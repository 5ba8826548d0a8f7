// A block device of the host that is to be a disk of the virtual machine.
#pragma once

#include "sandbox/device_number.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace nacre::sandbox {

struct HostDisk {
  std::string node; // "/dev/sdb"
  std::uint64_t bytes = 0;
  bool read_only = false; // the host's driver cannot write, or was told not to
};

// The host's kernel knows it, and /dev has its node; nothing otherwise. `preferred`: a node to use when it is
// one of this device; "": none.
std::optional<HostDisk> find_host_disk(const DeviceNumber& device, const std::string& preferred);

// Throws Error (failed_precondition) when something on the host uses it: a mounted file system, swap, LVM.
// Another kernel's writes would destroy what is there. Who asks does not use it himself.
void require_unused(const HostDisk& disk, const DeviceNumber& device);

} // namespace nacre::sandbox
