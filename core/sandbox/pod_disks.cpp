// The disks that containers have as devices.
#include "sandbox/pod_storage.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto operation_limit = 60s;

plugin::MountRequest request_of_disk(const HostDisk& disk, const DeviceNumber& device,
                                     const std::string& container_id) {
  plugin::MountRequest request;
  request.container_id = container_id;
  request.source = disk.node;
  request.source_kind = NACRE_SOURCE_BLOCK;
  request.device_major = device.major;
  request.device_minor = device.minor;
  request.read_only = disk.read_only;
  return request;
}

} // namespace

PodStorage::Entry* PodStorage::find_disk(const DeviceNumber& device) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.disk == device; });
  return found == entries_.end() ? nullptr : &*found;
}

void require_free_disk(std::list<plugin::Storage>& storages, const HostDisk& disk,
                       const DeviceNumber& device) {
  auto request = request_of_disk(disk, device, {});
  claim_storage(storages, request);
  if (!disk.read_only) require_unused(disk, device);
}

void PodStorage::require_attachable(const HostDisk& disk, const DeviceNumber& device, bool hot_add) {
  const std::lock_guard lock(mutex_);
  if (const auto* present = find_disk(device)) {
    if (disk.read_only || !present->read_only) return; // the device rules let this container only read
    throw Error(ErrorCode::failed_precondition, "give the container the device", disk.node)
        .because("its pod has it read-only already, for container " + *present->users.begin())
        .hint("give it read-only here too, or to that container for writing");
  }
  if (!hot_add)
    throw Error(ErrorCode::failed_precondition, "give the container the device", disk.node)
        .because("the virtual machine of the pod runs, and takes no disks any more")
        .hint("give it to the pod's first container");
  require_free_disk(storages_, disk, device);
}

void PodStorage::attach_disk(const std::string& container_id, const HostDisk& disk,
                             const DeviceNumber& device) {
  const std::lock_guard lock(mutex_);
  if (auto* present = find_disk(device)) {
    present->users.insert(container_id);
    return;
  }
  const auto limits = plugin::Limits::within(operation_limit);
  auto request = request_of_disk(disk, device, container_id);
  entries_.push_back({container_id, "", {}, claim_storage(storages_, request).attach(limits, request)});
  Entry& entry = entries_.back();
  entry.disk = device;
  entry.read_only = disk.read_only;
  entry.users = {container_id};
  entry.known = KnownDisk{disk.node, device, disk};
  const auto& result = entry.attachment.result;
  if (result.devices.size() != 1 || !result.mounts.empty())
    throw Error(ErrorCode::internal, "give the container the device", disk.node)
        .because("plugin " + entry.attachment.plugin().label() + " made something else of it");
  add_devices(entry);
}

std::string PodStorage::disk_address(const DeviceNumber& device) {
  const std::lock_guard lock(mutex_);
  const auto* entry = find_disk(device);
  if (!entry)
    throw Error(ErrorCode::internal, "find the guest address of device", device.text())
        .because("the virtual machine has no such disk");
  return address_of(entry->device_ids.front());
}

std::string PodStorage::address_of(const std::string& device_id) {
  const auto addresses = vm_.addresses();
  const auto found = addresses.find(device_id);
  if (found == addresses.end() || found->second.empty())
    throw Error(ErrorCode::internal, "find the guest address of device", device_id)
        .because("the virtual machine has no such disk");
  return found->second;
}

bool PodStorage::is_last_user(Entry& entry, const std::string& container_id) {
  return entry.users.erase(container_id) > 0 && entry.users.empty();
}

} // namespace nacre::sandbox
