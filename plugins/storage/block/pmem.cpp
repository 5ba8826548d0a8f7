#include "pmem.hpp"

namespace nacre::block {

constexpr std::uint64_t alignment = 2U << 20U; // Linux makes pages for memory in pieces of this size

std::string pmem_hindrance(dev_t device) {
  const auto bytes = bytes_of(device);
  if (bytes != 0 && bytes % alignment == 0) return {};
  return "as persistent memory a disk has a multiple of 2 MiB, and this has " + std::to_string(bytes) +
         " bytes; give it another size, or choose another block_device_driver in [storage.block]";
}

sdk::Device guest_pmem(std::string id, Disk disk, bool read_only) {
  sdk::Device device;
  device.guest.kind = NACRE_DEVICE_PMEM;
  device.guest.id = std::move(id);
  device.guest.read_only = read_only;
  device.host.kind = NACRE_END_FDS;
  device.host.fds.push_back(std::move(disk.fd));
  return device;
}

} // namespace nacre::block
