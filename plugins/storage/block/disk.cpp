#include "disk.hpp"

#include <nacre/sdk/error.hpp>

#include <fcntl.h>
#include <fstream>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace nacre::block {
namespace {

std::string sys_folder(dev_t device) {
  return "/sys/dev/block/" + std::to_string(major(device)) + ":" + std::to_string(minor(device));
}

bool is_node_of(const std::string& path, dev_t device) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode) && status.st_rdev == device;
}

} // namespace

std::string node_of(dev_t device, const std::string& name) {
  if (name.starts_with('/') && is_node_of(name, device)) return name;
  std::ifstream uevent(sys_folder(device) + "/uevent");
  constexpr std::string_view key = "DEVNAME=";
  for (std::string line; std::getline(uevent, line);)
    if (line.starts_with(key))
      if (const auto path = "/dev/" + line.substr(key.size()); is_node_of(path, device)) return path;
  return {};
}

bool is_read_only_device(dev_t device) {
  int value = 0;
  std::ifstream(sys_folder(device) + "/ro") >> value;
  return value != 0;
}

std::uint64_t bytes_of(dev_t device) {
  std::uint64_t sectors = 0;
  std::ifstream(sys_folder(device) + "/size") >> sectors;
  return sectors * 512; // whatever the device's own sectors are
}

Disk open_disk(const std::string& path, dev_t device, Use use) {
  const std::string what = "cannot open the disk \"" + path + "\"";
  // O_EXCL on a block device: the kernel lets one holder have it, and a mounted file system is one (open(2)).
  const int flags = (use == Use::exclusive ? O_RDWR : O_RDONLY) | (use == Use::shared_read_only ? 0 : O_EXCL);
  Disk disk{sdk::Fd(::open(path.c_str(), flags | O_CLOEXEC)), 0, 0};
  if (!disk.fd && errno == EBUSY)
    throw sdk::Error(
        NACRE_E_PRECONDITION,
        what + " for the guest alone: it is mounted or in use elsewhere on the host (in another mount "
               "namespace, as swap, or below another device); end that, or take \"block\" out of "
               "[runtime] storage",
        EBUSY);
  sdk::check_errno(disk.fd.get(), what);
  struct stat status {};
  sdk::check_errno(::fstat(disk.fd.get(), &status), what);
  if (!S_ISBLK(status.st_mode) || status.st_rdev != device)
    throw sdk::Error(NACRE_E_PRECONDITION, what + ": it is another device now");
  sdk::check_errno(::ioctl(disk.fd.get(), BLKFLSBUF, 0), "cannot flush the disk \"" + path + "\"");
  int logical = 0;
  unsigned physical = 0;
  if (::ioctl(disk.fd.get(), BLKSSZGET, &logical) == 0)
    disk.logical_sector = static_cast<std::uint32_t>(logical);
  if (::ioctl(disk.fd.get(), BLKPBSZGET, &physical) == 0) disk.physical_sector = physical;
  return disk;
}

} // namespace nacre::block
