#include "sandbox/pod_storage.hpp"

#include "base/error.hpp"
#include "sandbox/mount_source.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
plugin::Limits limits() {
  return plugin::Limits::within(60s);
}

bool has_option(const std::vector<std::string>& options, std::string_view option) {
  return std::find(options.begin(), options.end(), option) != options.end();
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

// Mounted with the first container that names it, unmounted with the last (the agent counts).
agent_client::v1::Storage storage_of(const GuestMemory& memory) {
  agent_client::v1::Storage storage;
  storage.set_driver("tmpfs");
  storage.set_mount_point(guest_memory_path(memory));
  for (const auto& option : memory.options)
    storage.add_options(option);
  if (memory.bytes != 0) storage.add_options("size=" + std::to_string(memory.bytes));
  std::array<char, 16> mode{};
  std::snprintf(mode.data(), mode.size(), "mode=%o", memory.mode);
  storage.add_options(mode.data());
  storage.add_options("uid=" + std::to_string(memory.uid));
  storage.add_options("gid=" + std::to_string(memory.gid));
  return storage;
}

// "device:ID" stands for the guest address of a device of ours.
std::string device_of(const plugin::GuestMount& mount) {
  return mount.source.starts_with("device:") ? mount.source.substr(7) : std::string();
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

} // namespace

PodStorage::PodStorage(std::list<plugin::Storage>& storages, launch::PodMounts& mounts, PodVm& vm)
    : storages_(storages), mounts_(mounts), vm_(vm) {}

PodStorage::~PodStorage() {
  release();
}

std::vector<plugin::Device> PodStorage::prepare(const std::string& sandbox_id) {
  const std::lock_guard lock(mutex_);
  prepared_ = true;
  std::vector<plugin::Device> devices;
  for (auto& storage : storages_) {
    auto plan = storage.prepare(limits(), {sandbox_id, share_folder, guest_share_folder});
    for (auto& device : plan.devices)
      devices.push_back(std::move(device));
    for (auto& mount : plan.mounts)
      pod_mounts_.push_back(std::move(mount));
  }
  return devices;
}

std::vector<agent_client::v1::Storage>
PodStorage::guest_mounts(const std::map<std::string, std::string>& addresses) const {
  std::vector<agent_client::v1::Storage> storages;
  for (const auto& mount : pod_mounts_) {
    auto storage = storage_of(mount, mount.mount_point.empty() ? guest_share_folder : mount.mount_point);
    if (const auto id = device_of(mount); !id.empty()) {
      const auto found = addresses.find(id);
      if (found == addresses.end())
        throw Error(ErrorCode::internal, "find the guest address of device", id)
            .because("the VM has no such device");
      storage.set_source(found->second);
    }
    storages.push_back(std::move(storage));
  }
  return storages;
}

plugin::Storage& PodStorage::claim(const plugin::MountRequest& request) {
  std::string reasons;
  for (auto& storage : storages_) {
    const auto answer = storage.claim(request);
    if (answer.taken) return storage;
    reasons += (reasons.empty() ? "" : ", ") + storage.plugin().name() + ": " +
               (answer.reason.empty() ? "does not take it" : answer.reason);
  }
  throw Error(ErrorCode::failed_precondition, "bring into the VM", request.source)
      .because("no storage plugin takes it (" + reasons + ")")
      .hint("add one that does to `storage` in configuration.toml");
}

// Returns the guest path.
std::string PodStorage::bring(const std::string& container_id, const std::string& name,
                              plugin::MountRequest request, const oci::Mount* mount, Attached& attached) {
  const MountSource source = open_mount_source(request.source, mount ? "mount source" : "root file system");
  const auto asked = std::exchange(request, request_of(source, container_id));
  request.is_rootfs = asked.is_rootfs;
  request.destination = asked.destination;
  request.options = asked.options;
  request.read_only = asked.read_only;
  plugin::Storage& storage = claim(request);
  Entry entry{container_id, "", "", storage.attach(limits(), request)};
  auto& result = entry.attachment.result;
  const std::string place = container_id + "/" + name;
  std::string guest_path;
  try {
    if (result.how == NACRE_ATTACH_SHARED) {
      const bool recursive = !mount || has_option(mount->options, "rbind");
      launch::PodMount pod_mount;
      pod_mount.target = std::string(share_folder) + "/" + place;
      pod_mount.read_only =
          request.read_only && !request.is_rootfs; // crun makes mount points in a root first
      pod_mount.recursive = recursive;
      pod_mount.follow_host =
          mount && (has_option(mount->options, "rslave") || has_option(mount->options, "rshared"));
      mounts_.add(clone_mount(source, recursive), pod_mount);
      entry.share_target = pod_mount.target;
      guest_path = std::string(guest_share_folder) + "/" + place;
    } else {
      if (!result.mount)
        throw Error(ErrorCode::internal, "attach", request.source)
            .because("plugin " + storage.plugin().label() + " says of no guest mount");
      guest_path =
          result.mount->mount_point.empty() ? "/run/nacre/mounts/" + place : result.mount->mount_point;
      auto guest_mount = storage_of(*result.mount, guest_path);
      if (result.how == NACRE_ATTACH_DEVICE && result.device) {
        const std::string id = result.device->guest.id;
        const std::string address = vm_.add_device(std::move(*result.device));
        entry.device_id = id;
        if (device_of(*result.mount) == id) guest_mount.set_source(address);
      }
      attached.storages.push_back(std::move(guest_mount));
    }
  } catch (...) {
    detach_entry(entry);
    throw;
  }
  entries_.push_back(std::move(entry));
  return guest_path;
}

PodStorage::Attached PodStorage::attach(const std::string& container_id, const oci::Spec& spec,
                                        const std::vector<GuestMountChoice>& choices) {
  Attached attached;
  try {
    const std::lock_guard lock(mutex_);
    plugin::MountRequest root;
    root.is_rootfs = true;
    root.source = spec.root.path;
    root.read_only = spec.root.readonly;
    attached.paths.rootfs = bring(container_id, "rootfs", root, nullptr, attached);
    attached.paths.mount_sources.resize(spec.mounts.size());
    for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
      if (choices[i].how == GuestMountChoice::How::memory)
        attached.storages.push_back(storage_of(choices[i].memory));
      if (choices[i].how != GuestMountChoice::How::share) continue;
      const auto& mount = spec.mounts[i];
      plugin::MountRequest request;
      request.source = choices[i].host_source;
      request.destination = mount.destination;
      request.options = mount.options;
      request.read_only = has_option(mount.options, "ro") || has_option(mount.options, "rro");
      attached.paths.mount_sources[i] =
          bring(container_id, "mounts/" + std::to_string(i), std::move(request), &mount, attached);
    }
  } catch (...) {
    detach(container_id);
    throw;
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

void PodStorage::detach_entry(Entry& entry) noexcept {
  const auto quietly = [](auto&& step) {
    try {
      step();
    } catch (const std::exception&) {
      // the journal has what could not be undone
    }
  };
  if (!entry.device_id.empty()) quietly([&] { vm_.remove_device(entry.device_id); });
  if (!entry.share_target.empty()) quietly([&] { mounts_.remove(entry.share_target); });
  quietly([&] { entry.attachment.detach(limits()); });
}

void PodStorage::detach(const std::string& container_id) noexcept {
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.end(); entry != entries_.begin();) { // last in, first out
    --entry;
    if (entry->container_id != container_id) continue;
    detach_entry(*entry);
    entry = entries_.erase(entry);
  }
}

void PodStorage::release() noexcept {
  const std::lock_guard lock(mutex_);
  while (!entries_.empty()) {
    detach_entry(entries_.back());
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
