#include "raw_disk.hpp"

#include "disk.hpp"
#include "guest_disk.hpp"

#include <sys/sysmacros.h>

namespace nacre::block {

bool is_raw_disk(const sdk::MountRequest& request) {
  return request.source_kind == NACRE_SOURCE_BLOCK && !request.is_rootfs && request.fstype.empty();
}

sdk::Claim claim_raw_disk(const sdk::MountRequest& request) {
  const auto device = makedev(request.device_major, request.device_minor);
  return node_of(device, request.source) == request.source
             ? sdk::Claim::yes()
             : sdk::Claim::no("\"" + request.source + "\" is no node of that device");
}

sdk::AttachResult attach_raw_disk(const Settings& settings, std::string id,
                                  const sdk::MountRequest& request) {
  const auto device = makedev(request.device_major, request.device_minor);
  const bool read_only = request.read_only || is_read_only_device(device);
  auto disk = open_disk(request.source, device, read_only ? Use::shared_read_only : Use::exclusive);
  sdk::AttachResult result;
  result.how = NACRE_ATTACH_DEVICE;
  result.device = guest_device(settings, std::move(id), std::move(disk), read_only);
  return result;
}

} // namespace nacre::block
