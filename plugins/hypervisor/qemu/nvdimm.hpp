// A disk of the host's as an NVDIMM: the guest's memory is the host's page cache of the disk.
#pragma once

#include "place.hpp"

#include <nacre/sdk/device.hpp>

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <string>

namespace nacre::qemu {

// What a machine has to have room for.
struct NvdimmDemand {
  std::uint32_t slots = 0;
  std::uint64_t bytes = 0;
};

// The slots and the addresses that a machine has for NVDIMMs. The guest's kernel is told of one by ACPI, and
// can never be made to let it go.
class NvdimmRoom {
public:
  NvdimmRoom() = default;
  explicit NvdimmRoom(const NvdimmDemand& demand) : slots_(demand.slots), left_(demand.bytes) {}

  Place take(std::uint64_t bytes); // throws NACRE_E_EXHAUSTED
  void release(const Place& place);

private:
  std::uint32_t slots_ = 0;
  std::uint64_t left_ = 0;
  std::map<std::uint32_t, std::uint64_t> taken_; // slot -> bytes
};

namespace nvdimm {

// What Linux takes as one piece of memory with pages of its own, and so an NVDIMM's size.
inline constexpr std::uint64_t alignment = 2U << 20U;

// The size of what stands for it on the host. Throws NACRE_E_INVALID_ARGUMENT for one that is not aligned.
std::uint64_t bytes_of(const sdk::GuestDevice& guest, const sdk::HostEnd& host);

std::string backend_id(const sdk::GuestDevice& guest);
// The argument of -object and object-add. QEMU opens this file by a path, and takes no fdset for it: the path
// of the descriptor with the number that it has in QEMU is set by set_file().
boost::json::object backend(const sdk::GuestDevice& guest, std::uint64_t bytes);
void set_file(boost::json::object& backend, std::uint64_t descriptor);

// The argument of -device and device_add.
boost::json::object front_end(const std::string& id, const sdk::GuestDevice& guest, const Place& place);

} // namespace nvdimm
} // namespace nacre::qemu
