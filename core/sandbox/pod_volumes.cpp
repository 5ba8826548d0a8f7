// The way of each root file system and mount into the guest. What the guest has as a disk of its own is there
// once for all containers of the pod, and goes with the last of them.
#include "sandbox/pod_storage.hpp"

#include "base/error.hpp"
#include "sandbox/copied_file.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
// A copy of a large folder takes its time; nobody wants it any more once the virtual machine is gone.
plugin::Limits attach_limits(const PodVm& vm) {
  return plugin::Limits::within(30min, vm.ended_fd());
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

// `volume`: where it is mounted in the guest.
agent_client::v1::Storage storage_of(const VolumeFolder& folder, const std::string& volume,
                                     const std::string& mount_point) {
  agent_client::v1::Storage storage;
  storage.set_driver("folder");
  storage.set_source(volume);
  storage.set_mount_point(mount_point);
  (*storage.mutable_driver_options())["folder"] = folder.path;
  add_owner(storage, folder.mode, folder.uid, folder.gid);
  return storage;
}

// As kubelet does it to a volume that it mounts itself.
void set_group(agent_client::v1::Storage& storage, const oci::DirectVolume& volume) {
  if (!volume.fs_group) return;
  auto& options = *storage.mutable_driver_options();
  options["fs_group"] = std::to_string(*volume.fs_group);
  options["fs_group_change_policy"] = volume.fs_group_on_mismatch ? "OnRootMismatch" : "Always";
}

std::string resolved(const std::string& path) {
  std::error_code failed;
  auto real = std::filesystem::canonical(path, failed);
  return failed ? path : real.string();
}

// Of a volume that the pod has already, for `user`.
void require_writable(bool is_read_only, const std::string& user, const plugin::MountRequest& request) {
  if (is_read_only && !request.read_only)
    throw Error(ErrorCode::failed_precondition, "give the container the volume", request.source)
        .because("its pod has it read-only already, for container " + user)
        .hint("mount it read-only here too, or there for writing");
}

} // namespace

PodStorage::Entry* PodStorage::find_volume(const std::string& source) {
  const auto name = resolved(source);
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.volume == name; });
  return found == entries_.end() ? nullptr : &*found;
}

bool PodStorage::has_volume(const plugin::MountRequest& request) {
  const std::lock_guard lock(mutex_);
  const auto* present = find_volume(request.source);
  if (present) require_writable(present->read_only, *present->users.begin(), request);
  return present != nullptr;
}

// `root`: the folder of it that stands for the volume; none: all of it.
void PodStorage::bring_volume(Entry& entry, const std::string& source, const VolumeFolder& root) {
  const std::string place = "volumes/" + std::to_string(next_mount_++);
  Attached own;
  bring_into_guest(entry, place, own);
  if (!root.path.empty())
    own.storages.push_back(storage_of(root, own.storages.back().mount_point(), "/run/nacre/" + place));
  entry.volume = source;
  entry.storages = std::move(own.storages);
}

std::string PodStorage::join_volume(Entry& entry, const std::string& container_id, Attached& attached) {
  entry.users.insert(container_id);
  attached.storages.insert(attached.storages.end(), entry.storages.begin(), entry.storages.end());
  return entry.storages.back().mount_point();
}

std::string PodStorage::bring_space(const std::string& container_id, const std::string& name,
                                    const GuestMountChoice& choice, Attached& attached) {
  const auto& space = choice.space;
  auto* entry = find_volume(space.folder);
  if (!entry) {
    auto request = request_of_space(space, container_id);
    auto& taker = claim_storage(storages_, request);
    entries_.push_back({container_id, "", {}, taker.attach(attach_limits(vm_), request)});
    entry = &entries_.back();
    bring_volume(*entry, resolved(space.folder), space.root);
  }
  join_volume(*entry, container_id, attached);
  return bring_folder(container_id, name, choice.folder, attached);
}

std::string PodStorage::bring_folder(const std::string& container_id, const std::string& name,
                                     const VolumeFolder& folder, Attached& attached) {
  const auto volume = attached.storages.back().mount_point();
  if (folder.path.empty()) return volume;
  attached.storages.push_back(storage_of(folder, volume, "/run/nacre/folders/" + container_id + "/" + name));
  return attached.storages.back().mount_point();
}

std::string PodStorage::bring_memory(const std::string& container_id, const std::string& name,
                                     const GuestMountChoice& choice, Attached& attached) {
  attached.storages.push_back(storage_of(choice.memory));
  return bring_folder(container_id, name, choice.folder, attached);
}

// Returns the guest path.
std::string PodStorage::bring(const std::string& container_id, const std::string& name, Offer offered,
                              const oci::Mount* mount, Attached& attached) {
  auto& [source, request, taker] = offered;
  entries_.push_back({container_id, "", {}, taker->attach(attach_limits(vm_), request)});
  Entry& entry = entries_.back();
  const std::string place = container_id + "/" + name;
  const auto how = entry.attachment.result.how;
  if (how != NACRE_ATTACH_SHARED && how != NACRE_ATTACH_COPY) {
    const bool is_volume = mount && !request.last_resort && taker->plugin().has(NACRE_ST_BLOCK);
    if (!is_volume) return bring_into_guest(entry, place, attached);
    bring_volume(entry, request.source, {});
    entry.read_only = request.read_only;
    return join_volume(entry, container_id, attached);
  }
  if (!source.fd) source = open_mount_source(source.path, mount ? "mount source" : "root file system");
  if (how == NACRE_ATTACH_COPY) {
    const auto number = std::to_string(attached.files.size());
    attached.files.push_back(copy_of(source, "/run/nacre/bundle/" + container_id + "/copy-" + number));
    return attached.files.back().path();
  }
  return mount ? share_mount(source, *mount, request.read_only, entry, attached)
               : share_root(source, place, entry);
}

std::string PodStorage::bring_mount(const std::string& container_id, std::size_t index,
                                    const oci::Mount& mount, const GuestMountChoice& choice, Offers& offers,
                                    Attached& attached) {
  const auto name = std::to_string(index);
  if (choice.how == GuestMountChoice::How::memory) return bring_memory(container_id, name, choice, attached);
  if (choice.how == GuestMountChoice::How::space) return bring_space(container_id, name, choice, attached);
  auto request = request_of(mount, choice);
  if (!request) return {};
  if (auto* present = find_volume(request->source)) {
    require_writable(present->read_only, *present->users.begin(), *request);
    return join_volume(*present, container_id, attached);
  }
  const auto offered = offers.mounts.find(index);
  auto path = bring(container_id, "mounts/" + name,
                    offered == offers.mounts.end() ? offer(storages_, container_id, std::move(*request))
                                                   : std::move(offered->second),
                    &mount, attached);
  if (choice.volume) {
    set_group(attached.storages.back(), *choice.volume);
    note_volume(entries_.back(), choice.host_source, *choice.volume, path);
  }
  if (!entries_.back().share_target.empty()) keep_in_share(entries_.back(), attached);
  return path;
}

} // namespace nacre::sandbox
