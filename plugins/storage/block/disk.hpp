// A block device of the host, opened for the guest.
#pragma once

#include <nacre/sdk/fd.hpp>

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace nacre::block {

enum class Use {
  exclusive,           // nobody else on the host has it mounted or in use, nor can mount it meanwhile
  exclusive_read_only, // the same, for a guest that only reads
  shared_read_only,    // mounted on the host too, where nobody writes either
};

struct Disk {
  sdk::Fd fd;
  std::uint32_t logical_sector = 0, physical_sector = 0;
};

// Throws sdk::Error, for an exclusive use also when the device is in use. What the host's page cache kept of
// the device is on it, and forgotten, when this returns: a file system writes its data past that cache.
Disk open_disk(const std::string& path, dev_t device, Use use);

// The device's node, "" when there is none: `name` if that is it, else the kernel's name for it in /dev.
std::string node_of(dev_t device, const std::string& name);

bool is_read_only_device(dev_t device);
std::uint64_t bytes_of(dev_t device); // 0: unknown

} // namespace nacre::block
