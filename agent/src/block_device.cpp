#include "block_device.hpp"

#include "device_path.hpp"
#include "device_wait.hpp"
#include "error.hpp"
#include "modules.hpp"

#include <functional>
#include <optional>
#include <sys/stat.h>
#include <vector>

namespace nacre::agent {

namespace {

bool is_block_node(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISBLK(info.st_mode);
}

struct Place {
  std::vector<const char*> modules; // its drivers
  std::function<std::optional<std::string>()> disk;
};

Place place_of(const std::string& source) {
  if (const auto scsi = scsi_address(source))
    return {{"virtio_scsi", "sd_mod"}, [scsi] { return scsi_disk(*scsi); }};
  if (const auto slot = nvdimm_slot(source))
    return {{"nfit", "nd_pmem"}, [slot] { return nvdimm_disk(*slot); }};
  return {{"virtio_blk"}, [source] { return virtio_child(source, "block"); }};
}

} // namespace

std::string find_block_device(Modules& modules, const std::string& source) {
  const auto place = place_of(source);
  for (const auto* module : place.modules)
    modules.need(module);
  std::optional<std::string> node;
  wait_for_device("disk", source, [&] {
    if (source.starts_with('/')) {
      node = source;
    } else if (const auto disk = place.disk()) {
      node = "/dev/" + *disk;
    }
    return node && is_block_node(*node);
  });
  return *node;
}

} // namespace nacre::agent
