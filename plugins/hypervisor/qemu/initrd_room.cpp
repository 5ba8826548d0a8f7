#include "initrd_room.hpp"

#include <nacre/sdk/error.hpp>

#include <cstdint>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::qemu {
namespace {

constexpr std::uint64_t page = 4096;
// Of the last page. What is left carries the tables of 24 devices and 100 vCPUs; agent/image/build fills it
// so too.
constexpr std::uint64_t most_used = 512;

} // namespace

std::optional<sdk::Fd> with_room_for_acpi(const std::string& initrd) {
  const sdk::Fd file(
      sdk::check_errno(::open(initrd.c_str(), O_RDONLY | O_CLOEXEC), "open initrd \"" + initrd + "\""));
  struct stat status {};
  sdk::check_errno(::fstat(file.get(), &status), "look at initrd \"" + initrd + "\"");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const auto used = size % page;
  if (used != 0 && used <= most_used) return std::nullopt;
  sdk::Fd copy(
      sdk::check_errno(::memfd_create("initrd", MFD_CLOEXEC), "make a copy of initrd \"" + initrd + "\""));
  // The kernel skips zeros between and behind archives
  // (Documentation/driver-api/early-userspace/buffer-format.rst).
  const auto padded = (size + page - 1) / page * page + most_used;
  sdk::check_errno(::ftruncate(copy.get(), static_cast<off_t>(padded)),
                   "make room for initrd \"" + initrd + "\"");
  for (std::uint64_t copied = 0; copied < size;) {
    const auto more = sdk::check_errno(::sendfile(copy.get(), file.get(), nullptr, size - copied),
                                       "copy initrd \"" + initrd + "\"");
    if (more == 0) break; // it has become shorter: the guest will say so
    copied += static_cast<std::uint64_t>(more);
  }
  return copy;
}

} // namespace nacre::qemu
