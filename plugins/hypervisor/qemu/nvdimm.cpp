#include "nvdimm.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace nacre::qemu {

Place NvdimmRoom::take(std::uint64_t bytes) {
  std::uint32_t slot = 0;
  while (taken_.contains(slot))
    ++slot;
  if (slot >= slots_ || bytes > left_)
    throw sdk::Error(NACRE_E_EXHAUSTED, "the guest has no room for a further NVDIMM of " +
                                            std::to_string(bytes >> 20U) +
                                            " MiB; raise memory_offset in [hypervisor.qemu]");
  taken_[slot] = bytes;
  left_ -= bytes;
  return {"", slot, "nvdimm:" + std::to_string(slot), Place::Transport::nvdimm};
}

void NvdimmRoom::release(const Place& place) {
  if (const auto found = taken_.extract(place.slot)) left_ += found.mapped();
}

namespace nvdimm {

namespace json = boost::json;

std::uint64_t bytes_of(const sdk::GuestDevice& guest, const sdk::HostEnd& host) {
  const int fd = host.fds.at(0).get();
  struct stat status {};
  sdk::check_errno(::fstat(fd, &status), "look at a disk's descriptor");
  auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (S_ISBLK(status.st_mode))
    sdk::check_errno(::ioctl(fd, BLKGETSIZE64, &bytes), "ask for the size of a disk");
  if (bytes == 0 || bytes % alignment != 0)
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT, "device \"" + guest.id +
                                                   "\": an NVDIMM has a multiple of 2 MiB, not " +
                                                   std::to_string(bytes) + " bytes");
  return bytes;
}

std::string backend_id(const sdk::GuestDevice& guest) {
  return "memory-" + guest.id;
}

json::object backend(const sdk::GuestDevice& guest, std::uint64_t bytes) {
  return {{"qom-type", "memory-backend-file"},
          {"id", backend_id(guest)},
          {"size", bytes},
          {"share", true},
          {"readonly", guest.read_only}};
}

void set_file(json::object& backend, std::uint64_t descriptor) {
  backend["mem-path"] = "/proc/self/fd/" + std::to_string(descriptor);
}

json::object front_end(const std::string& id, const sdk::GuestDevice& guest, const Place& place) {
  return {{"driver", "nvdimm"},
          {"id", id},
          {"memdev", backend_id(guest)},
          {"slot", place.slot},
          {"unarmed", guest.read_only}}; // the guest's driver does not write to one that says so
}

} // namespace nvdimm
} // namespace nacre::qemu
