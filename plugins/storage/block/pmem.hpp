// A disk of the host's as persistent memory of the guest.
#pragma once

#include "disk.hpp"

#include <nacre/sdk/device.hpp>

namespace nacre::block {

// Why the disk cannot be; "" when it can.
std::string pmem_hindrance(dev_t device);

sdk::Device guest_pmem(std::string id, Disk disk, bool read_only);

} // namespace nacre::block
