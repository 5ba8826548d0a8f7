// What of the host's is in the folder that a plugin shares with the guest: each source once, whoever has it.
#include "sandbox/pod_storage.hpp"

#include <algorithm>

namespace nacre::sandbox {
namespace {

void tell_propagation(const MountSource& source, const oci::Mount& mount, std::vector<std::string>& notices) {
  const std::string start = "mount \"" + mount.destination + "\": ";
  if (source.on_private_mount)
    notices.push_back(start + "what the host mounts below \"" + source.path +
                      "\" from now on does not show in it, because the mount that this is on is private; "
                      "make it shared (mount --make-shared)");
  if (gives_mounts(mount.options))
    notices.push_back(start + "what is mounted below it in the virtual machine shows in the pod's other "
                              "containers, but not on the host");
}

// A mount in the guest that hands on what is mounted below it, to all that are made from it.
agent_client::v1::Storage propagating(const std::string& guest_path) {
  agent_client::v1::Storage storage;
  storage.set_driver("bind");
  storage.set_source(guest_path);
  storage.set_mount_point("/run/nacre/propagating/" + guest_path.substr(guest_path.rfind('/') + 1));
  storage.add_options("rbind");
  storage.add_options("rshared");
  return storage;
}

std::string in_guest(const std::string& share_target) {
  return guest_share_folder + share_target.substr(std::string_view(share_folder).size());
}

agent_client::v1::Storage in_share(const std::string& guest_path) {
  agent_client::v1::Storage storage;
  storage.set_driver("share");
  storage.set_mount_point(guest_path);
  return storage;
}

} // namespace

void PodStorage::add_to_share(const MountSource& source, const SharedSource& shared, const std::string& place,
                              Entry& entry) {
  launch::PodMount mount;
  mount.target = std::string(share_folder) + "/" + place;
  mount.read_only = shared.read_only;
  mount.recursive = shared.recursive;
  mount.follow_host = shared.follow_host;
  mounts_.add(clone_mount(source, shared.recursive), mount);
  entry.share_target = mount.target;
  entry.shared = shared;
}

// crun makes mount points in a root, so it is never read-only here.
std::string PodStorage::share_root(const MountSource& source, const std::string& place, Entry& entry) {
  SharedSource shared;
  shared.recursive = true;
  add_to_share(source, shared, place, entry);
  return in_guest(entry.share_target);
}

std::string PodStorage::share(const MountSource& source, const oci::Mount& mount, bool read_only,
                              Entry& entry) {
  SharedSource shared;
  shared.file = source.file;
  shared.read_only = read_only;
  shared.recursive = oci::has_option(mount.options, "rbind");
  shared.follow_host = follows_mounts(mount.options);
  shared.flags = source.mount_flags;
  if (shared.follow_host || (shared.recursive && source.has_submounts)) shared.mount_id = source.mount_id;
  const auto same = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const Entry& other) { return other.shared == shared; });
  if (same != entries_.end()) {
    entry.share_target = same->share_target;
    entry.shared = shared;
  } else {
    add_to_share(source, shared, "mounts/" + std::to_string(next_mount_++), entry);
  }
  return in_guest(entry.share_target);
}

std::string PodStorage::share_mount(const MountSource& source, const oci::Mount& mount, bool read_only,
                                    Entry& entry, Attached& attached) {
  const auto guest_path = share(source, mount, read_only, entry);
  if (!follows_mounts(mount.options)) return guest_path;
  tell_propagation(source, mount, attached.notices);
  attached.storages.push_back(propagating(guest_path));
  return attached.storages.back().mount_point();
}

void PodStorage::keep_in_share(const Entry& entry, Attached& attached) {
  attached.storages.push_back(in_share(in_guest(entry.share_target)));
}

bool PodStorage::has_other_user(const Entry& entry) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& other) {
    return &other != &entry && other.share_target == entry.share_target;
  });
}

} // namespace nacre::sandbox
