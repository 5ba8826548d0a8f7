#include "sandbox/pod_storage.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
plugin::Limits limits() {
  return plugin::Limits::within(60s);
}

agent_client::v1::Storage storage_of(const plugin::GuestMount& mount, const std::string& mount_point) {
  agent_client::v1::Storage storage;
  storage.set_driver(mount.driver);
  storage.set_source(mount.source);
  storage.set_fstype(mount.fstype);
  for (const auto& option : mount.options)
    storage.add_options(option);
  storage.set_mount_point(mount_point);
  return storage;
}

// "device:ID" as a source stands for the guest address of a device of ours. `addresses`: device id -> guest
// address.
void name_device(agent_client::v1::Storage& storage, const std::map<std::string, std::string>& addresses) {
  constexpr std::string_view prefix = "device:";
  if (!storage.source().starts_with(prefix)) return;
  const auto id = storage.source().substr(prefix.size());
  const auto found = addresses.find(id);
  if (found == addresses.end())
    throw Error(ErrorCode::internal, "find the guest address of device", id)
        .because("the VM has no such device");
  storage.set_source(found->second);
}

} // namespace

PodStorage::PodStorage(std::list<plugin::Storage>& storages, launch::PodMounts& mounts, PodVm& vm)
    : storages_(storages), mounts_(mounts), vm_(vm) {}

PodStorage::~PodStorage() {
  release();
}

void PodStorage::prepare(const std::string& sandbox_id) {
  const std::lock_guard lock(mutex_);
  prepared_ = true;
  for (auto& storage : storages_) {
    auto plan = storage.prepare(limits(), {sandbox_id, share_folder, guest_share_folder});
    for (auto& device : plan.devices)
      boot_devices_.push_back(std::move(device));
    for (auto& mount : plan.mounts)
      pod_mounts_.push_back(std::move(mount));
  }
}

std::vector<plugin::Device> PodStorage::take_boot_devices() {
  const std::lock_guard lock(mutex_);
  return std::move(boot_devices_);
}

std::vector<agent_client::v1::Storage> PodStorage::guest_mounts() {
  std::vector<agent_client::v1::Storage> storages;
  for (const auto& mount : pod_mounts_)
    storages.push_back(storage_of(mount, mount.mount_point.empty() ? guest_share_folder : mount.mount_point));
  name_devices(storages);
  return storages;
}

void PodStorage::name_devices(std::vector<agent_client::v1::Storage>& storages) {
  const auto addresses = vm_.addresses();
  for (auto& storage : storages)
    name_device(storage, addresses);
}

void PodStorage::add_devices(Entry& entry) {
  for (auto& device : entry.attachment.result.devices) {
    const std::string id = device.guest.id;
    if (vm_.tried())
      vm_.add_device(std::move(device));
    else
      boot_devices_.push_back(std::move(device));
    entry.device_ids.push_back(id);
  }
}

// Devices first, since a mount may name any of them. Returns the guest path of the last mount.
std::string PodStorage::bring_into_guest(Entry& entry, const std::string& place, Attached& attached) {
  auto& result = entry.attachment.result;
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::internal, "attach", place)
        .because("plugin " + entry.attachment.plugin().label() + " " + why);
  };
  if (result.mounts.empty()) refuse("says of no guest mount");
  add_devices(entry);
  for (auto& mount : result.mounts) {
    if (mount.mount_point.empty()) {
      if (&mount != &result.mounts.back()) refuse("gives a mount that is not the last one no place");
      mount.mount_point = "/run/nacre/mounts/" + place;
    }
    attached.storages.push_back(storage_of(mount, mount.mount_point));
  }
  return result.mounts.back().mount_point;
}

PodStorage::Attached PodStorage::attach(const std::string& container_id, const oci::Spec& spec,
                                        const std::vector<GuestMountChoice>& choices, Offers offers) {
  Attached attached;
  const std::lock_guard lock(mutex_);
  attached.paths.rootfs = bring(container_id, "rootfs", std::move(offers.root.value()), nullptr, attached);
  for (std::size_t i = 0; i < spec.mounts.size(); ++i)
    attached.paths.mount_sources.push_back(
        bring_mount(container_id, i, spec.mounts[i], choices[i], offers, attached));
  return attached;
}

std::vector<std::string> PodStorage::lend(const std::string& container_id,
                                          const std::vector<std::string>& sources, Attached& attached) {
  std::vector<std::string> paths;
  const std::lock_guard lock(mutex_);
  for (const auto& source : sources) {
    plugin::MountRequest request;
    request.source = source;
    request.destination = source;
    request.options = {"bind", "ro"};
    request.read_only = true;
    const oci::Mount mount{source, "bind", source, request.options};
    paths.push_back(bring(container_id, "lent/" + std::to_string(paths.size()),
                          offer(storages_, container_id, std::move(request)), &mount, attached));
    entries_.back().lent = true;
  }
  return paths;
}

// What is mounted in the guest itself stays until the container goes.
void PodStorage::detach_lent(const std::string& container_id) noexcept {
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.end(); entry != entries_.begin();) {
    --entry;
    if (entry->container_id != container_id || !entry->lent || entry->share_target.empty()) continue;
    detach_entry(*entry);
    entry = entries_.erase(entry);
  }
}

// False: the guest or the VMM has not let a device go, and what it stands for is in use until the VM ends.
bool PodStorage::detach_entry(Entry& entry, bool vm_gone) noexcept {
  const auto succeeds = [](auto&& step) {
    try {
      step();
      return true;
    } catch (const std::exception&) {
      return false; // the journal has what could not be undone
    }
  };
  while (!entry.device_ids.empty()) {
    if (!vm_gone && !succeeds([&] { remove_device(entry.device_ids.back()); })) return false;
    entry.device_ids.pop_back();
  }
  if (!entry.share_target.empty() && !has_other_user(entry))
    succeeds([&] { mounts_.remove(entry.share_target); });
  succeeds([&] { entry.attachment.detach(limits()); });
  return true;
}

void PodStorage::remove_device(const std::string& id) {
  const auto waiting = std::find_if(boot_devices_.begin(), boot_devices_.end(),
                                    [&](const plugin::Device& device) { return device.guest.id == id; });
  if (waiting != boot_devices_.end())
    boot_devices_.erase(waiting);
  else
    vm_.remove_device_wholly(id);
}

void PodStorage::detach(const std::string& container_id) noexcept {
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.end(); entry != entries_.begin();) { // last in, first out
    --entry;
    if (entry->is_the_pod_s() ? !is_last_user(*entry, container_id) : entry->container_id != container_id)
      continue;
    if (detach_entry(*entry))
      entry = entries_.erase(entry);
    else { // tried again at release()
      entry->container_id.clear();
      entry->disk.reset();
      entry->volume.clear();
    }
  }
}

bool PodStorage::has_disks() const noexcept {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return !entry.device_ids.empty(); });
}

void PodStorage::release() noexcept {
  const std::lock_guard lock(mutex_);
  boot_devices_.clear();
  while (!entries_.empty()) {
    detach_entry(entries_.back(), true);
    entries_.pop_back();
  }
  if (!std::exchange(prepared_, false)) return;
  for (auto& storage : storages_) {
    try {
      storage.release(limits());
    } catch (const std::exception&) {
    }
  }
}

} // namespace nacre::sandbox
