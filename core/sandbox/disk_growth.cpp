// A disk grows on the host while a container has it: the guest is told.
#include "sandbox/pod_storage.hpp"

#include "base/error.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace nacre::sandbox {
namespace {

std::optional<DeviceNumber> device_at(const std::string& node) {
  struct stat status {};
  if (::stat(node.c_str(), &status) < 0 || !S_ISBLK(status.st_mode)) return std::nullopt;
  return DeviceNumber{'b', major(status.st_rdev), minor(status.st_rdev)};
}

std::string in_bytes(std::uint64_t bytes) {
  return std::to_string(bytes) + " bytes";
}

// How large it is on the host now. Throws Error for a size that it has not, or that would be less than the
// guest has.
std::uint64_t require_growth(const HostDisk& guests, const DeviceNumber& device, const std::string& path,
                             std::uint64_t bytes) {
  const auto refused = [&] { return Error(ErrorCode::failed_precondition, "grow the volume", path); };
  if (guests.read_only) throw refused().because("the guest has its disk \"" + guests.node + "\" read-only");
  if (bytes < guests.bytes)
    throw refused()
        .because("it has " + in_bytes(guests.bytes) + " and would shrink to " + in_bytes(bytes))
        .hint("name a size that is not smaller");
  const auto now = find_host_disk(device, guests.node);
  if (!now) throw refused().because("its disk \"" + guests.node + "\" is gone from the host");
  if (now->bytes < bytes)
    throw refused()
        .because("its disk \"" + guests.node + "\" has only " + in_bytes(now->bytes) + " on the host")
        .hint("make the disk larger there first");
  return now->bytes;
}

} // namespace

void PodStorage::note_volume(Entry& entry, const std::string& path, const oci::DirectVolume& volume,
                             const std::string& mount_point) {
  const auto device = device_at(volume.device);
  auto disk = device ? find_host_disk(*device, volume.device) : std::nullopt;
  if (!disk || entry.device_ids.empty()) return; // it came into the guest in another way
  if (oci::has_option(volume.options, "ro")) disk->read_only = true;
  entry.known = KnownDisk{path, *device, std::move(*disk), mount_point};
}

PodStorage::Entry& PodStorage::find_grown(const std::string& container_id, const std::string& path) {
  const auto device = device_at(path);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (!entry.known || entry.device_ids.empty()) return false;
    const bool has_it =
        entry.is_the_pod_s() ? entry.users.contains(container_id) : entry.container_id == container_id;
    return has_it && (entry.disk ? entry.disk == device : entry.known->path == path);
  });
  if (found == entries_.end())
    throw Error(ErrorCode::not_found, "grow the volume", path)
        .because("container " + container_id + " has no disk of that path");
  return *found;
}

PodStorage::GrownDisk PodStorage::grow_disk(const std::string& container_id, const std::string& path,
                                            std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Entry& entry = find_grown(container_id, path);
  auto& known = *entry.known;
  const auto now = require_growth(known.host, known.device, path, bytes);
  // The first of its devices is the disk itself. A second call for the same size is none for the VMM, and
  // makes the guest do what it has not done yet.
  if (now != known.host.bytes) vm_.grow_device(entry.device_ids.front(), now);
  known.host.bytes = now;
  return {address_of(entry.device_ids.front()), now, known.mount_point};
}

} // namespace nacre::sandbox
