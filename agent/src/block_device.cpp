#include "block_device.hpp"

#include "device_path.hpp"
#include "device_wait.hpp"
#include "error.hpp"
#include "modules.hpp"

#include <optional>
#include <sys/stat.h>

namespace nacre::agent {

namespace {

bool is_block_node(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISBLK(info.st_mode);
}

} // namespace

std::string find_block_device(Modules& modules, const std::string& source) {
  const auto scsi = scsi_address(source);
  modules.need(scsi ? "virtio_scsi" : "virtio_blk");
  if (scsi) modules.need("sd_mod");
  std::optional<std::string> node;
  wait_for_device("disk", source, [&] {
    if (source.starts_with('/')) {
      node = source;
    } else if (const auto disk = scsi ? scsi_disk(*scsi) : virtio_child(source, "block")) {
      node = "/dev/" + *disk;
    }
    return node && is_block_node(*node);
  });
  return *node;
}

} // namespace nacre::agent
