#include "sandbox/pod_storage.hpp"

#include "base/error.hpp"
#include "sandbox/copied_file.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
plugin::Limits limits() {
  return plugin::Limits::within(60s);
}
// A copy of a large folder takes its time; nobody wants it any more once the virtual machine is gone.
plugin::Limits attach_limits(const PodVm& vm) {
  return plugin::Limits::within(30min, vm.ended_fd());
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

void add_owner(agent_client::v1::Storage& storage, std::uint32_t mode, std::uint32_t uid, std::uint32_t gid) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "mode=%o", mode);
  storage.add_options(text.data());
  storage.add_options("uid=" + std::to_string(uid));
  storage.add_options("gid=" + std::to_string(gid));
}

// Mounted with the first container that names it, unmounted with the last (the agent counts).
agent_client::v1::Storage storage_of(const GuestMemory& memory) {
  agent_client::v1::Storage storage;
  storage.set_driver(memory.huge_page != 0 ? "hugetlbfs" : "tmpfs");
  if (memory.huge_page != 0) storage.add_options("pagesize=" + std::to_string(memory.huge_page));
  storage.set_mount_point(guest_memory_path(memory));
  for (const auto& option : memory.options)
    storage.add_options(option);
  if (memory.bytes != 0) storage.add_options("size=" + std::to_string(memory.bytes));
  add_owner(storage, memory.mode, memory.uid, memory.gid);
  return storage;
}

agent_client::v1::Storage storage_of(const GuestMemory& memory, const MemoryFolder& folder,
                                     const std::string& mount_point) {
  agent_client::v1::Storage storage;
  storage.set_driver("folder");
  storage.set_source(guest_memory_path(memory));
  storage.set_mount_point(mount_point);
  (*storage.mutable_driver_options())["folder"] = folder.path;
  add_owner(storage, folder.mode, folder.uid, folder.gid);
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

plugin::MountRequest request_of(const MountSource& source, const std::string& container_id) {
  plugin::MountRequest request;
  request.container_id = container_id;
  request.source = source.path;
  request.fstype = source.fstype;
  request.source_kind = source.kind;
  request.device_major = source.device_major;
  request.device_minor = source.device_minor;
  return request;
}

// The first that takes it as it is; null: nobody, for these reasons.
plugin::Storage* find_taker(std::list<plugin::Storage>& storages, const plugin::MountRequest& request,
                            std::string& reasons) {
  const bool is_device =
      request.source_kind == NACRE_SOURCE_BLOCK && !request.is_rootfs && request.fstype.empty();
  for (auto& storage : storages) {
    if (is_device && !storage.plugin().has(NACRE_ST_BLOCK)) continue;
    const auto answer = storage.claim(request);
    if (answer.taken) return &storage;
    reasons += (reasons.empty() ? "" : ", ") + storage.plugin().name() + ": " +
               (answer.reason.empty() ? "does not take it" : answer.reason);
  }
  return nullptr;
}

} // namespace

// All are asked for the thing itself before any is asked for a copy of it.
plugin::Storage& claim_storage(std::list<plugin::Storage>& storages, plugin::MountRequest& request) {
  std::string reasons;
  for (const bool last_resort : {false, true}) {
    request.last_resort = last_resort;
    reasons.clear(); // the second ones say as much as the first
    if (auto* taker = find_taker(storages, request, reasons)) return *taker;
  }
  throw Error(ErrorCode::failed_precondition, "bring into the VM", request.source)
      .because("no storage plugin takes it (" + reasons + ")")
      .hint("add one that does to `storage` in configuration.toml");
}

std::string PodStorage::bring_memory(const std::string& container_id, const std::string& name,
                                     const GuestMountChoice& choice, Attached& attached) {
  attached.storages.push_back(storage_of(choice.memory));
  if (!choice.folder.path.empty())
    attached.storages.push_back(
        storage_of(choice.memory, choice.folder, "/run/nacre/folders/" + container_id + "/" + name));
  return attached.storages.back().mount_point();
}

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

// Returns the guest path.
std::string PodStorage::bring(const std::string& container_id, const std::string& name,
                              plugin::MountRequest request, const oci::Mount* mount, Attached& attached) {
  const std::string noun = mount ? "mount source" : "root file system";
  MountSource source = open_mount_source(request.source, noun);
  const auto asked = std::exchange(request, request_of(source, container_id));
  request.is_rootfs = asked.is_rootfs;
  request.destination = asked.destination;
  request.options = asked.options;
  request.read_only = asked.read_only;
  // A node is mounted only by who was told as what.
  if (request.source_kind == NACRE_SOURCE_BLOCK) request.fstype = asked.fstype;
  plugin::Storage& storage = claim_storage(storages_, request);
  // A mount that is open here cannot be taken off the host, as a plugin for disks may have to.
  if (storage.plugin().has(NACRE_ST_BLOCK)) source.fd.reset();
  entries_.push_back({container_id, "", {}, storage.attach(attach_limits(vm_), request)});
  Entry& entry = entries_.back();
  const std::string place = container_id + "/" + name;
  const auto how = entry.attachment.result.how;
  if (how != NACRE_ATTACH_SHARED && how != NACRE_ATTACH_COPY) return bring_into_guest(entry, place, attached);
  if (!source.fd) source = open_mount_source(source.path, noun);
  if (how == NACRE_ATTACH_COPY) {
    const auto number = std::to_string(attached.files.size());
    attached.files.push_back(copy_of(source, "/run/nacre/bundle/" + container_id + "/copy-" + number));
    return attached.files.back().path();
  }
  return mount ? share_mount(source, *mount, request.read_only, entry, attached)
               : share_root(source, place, entry);
}

// A device that no plugin wants as such is mounted on the host, and its folder goes the way of all others.
void PodStorage::bring_root(const std::string& container_id, const oci::Spec& spec,
                            const std::optional<RootDevice>& device, Attached& attached) {
  plugin::MountRequest root;
  root.is_rootfs = true;
  root.read_only = spec.root.readonly;
  if (device) {
    root.source = device->node;
    root.fstype = device->fstype;
    root.options = device->options;
    auto node = request_of(open_mount_source(root.source, "root file system"), container_id);
    node.is_rootfs = true;
    node.fstype = root.fstype;
    if (std::string reasons; !find_taker(storages_, node, reasons)) {
      device->mount();
      root.fstype.clear();
      root.options.clear();
      root.source = spec.root.path;
    }
  } else {
    root.source = spec.root.path;
  }
  attached.paths.rootfs = bring(container_id, "rootfs", root, nullptr, attached);
}

PodStorage::Attached PodStorage::attach(const std::string& container_id, const oci::Spec& spec,
                                        const std::vector<GuestMountChoice>& choices,
                                        const std::optional<RootDevice>& root_device) {
  Attached attached;
  const std::lock_guard lock(mutex_);
  bring_root(container_id, spec, root_device, attached);
  attached.paths.mount_sources.resize(spec.mounts.size());
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const auto name = std::to_string(i);
    if (choices[i].how == GuestMountChoice::How::memory)
      attached.paths.mount_sources[i] = bring_memory(container_id, name, choices[i], attached);
    if (choices[i].how != GuestMountChoice::How::share && choices[i].how != GuestMountChoice::How::volume)
      continue;
    const auto& mount = spec.mounts[i];
    plugin::MountRequest request;
    request.source = choices[i].host_source;
    request.destination = mount.destination;
    request.options = mount.options;
    request.read_only = mount.is_read_only();
    if (const auto& volume = choices[i].volume) {
      request.source = volume->device;
      request.fstype = volume->fstype;
      request.options = volume->options;
      request.read_only = request.read_only || oci::has_option(volume->options, "ro");
    }
    attached.paths.mount_sources[i] =
        bring(container_id, "mounts/" + name, std::move(request), &mount, attached);
    if (const auto& volume = choices[i].volume)
      note_volume(entries_.back(), choices[i].host_source, *volume, attached.paths.mount_sources[i]);
    if (!entries_.back().share_target.empty()) keep_in_share(entries_.back(), attached);
  }
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
    paths.push_back(
        bring(container_id, "lent/" + std::to_string(paths.size()), std::move(request), &mount, attached));
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
    if (entry->disk ? !is_last_user(*entry, container_id) : entry->container_id != container_id) continue;
    if (detach_entry(*entry))
      entry = entries_.erase(entry);
    else { // tried again at release()
      entry->container_id.clear();
      entry->disk.reset();
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
