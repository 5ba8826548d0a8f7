// What storage plugins are asked about a root file system or mount, and which of them takes it.
#pragma once

#include "oci/spec.hpp"
#include "plugin/storage.hpp"
#include "sandbox/mount_choice.hpp"
#include "sandbox/mount_source.hpp"
#include "sandbox/sandbox.hpp"

#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nacre::sandbox {

struct Offer {
  MountSource source; // closed where a plugin for disks takes it: what is open cannot be taken off the host
  plugin::MountRequest request;
  plugin::Storage* taker;
};

// Of one container; the mounts by their place in config.json.
struct Offers {
  std::optional<Offer> root;
  std::map<std::size_t, Offer> mounts;
};

// The first plugin that takes it as it is; null: nobody, for these reasons.
plugin::Storage* find_taker(std::list<plugin::Storage>& storages, const plugin::MountRequest& request,
                            std::string& reasons);
// The first plugin that takes it as it is, or else a copy of it. Throws Error with the reasons of all.
plugin::Storage& claim_storage(std::list<plugin::Storage>& storages, plugin::MountRequest& request);

// `request`: with a source, and what is asked of it; this adds what the host says of the source. Throws
// Error, also where nobody takes it.
Offer offer(std::list<plugin::Storage>& storages, const std::string& container_id,
            plugin::MountRequest request);
// The container's own wish; nothing for what is no storage plugin's.
std::optional<plugin::MountRequest> request_of(const oci::Mount& mount, const GuestMountChoice& choice);
plugin::MountRequest request_of_space(const GuestSpace& space, const std::string& container_id);

// For all of a container's, before anything is started for it, but not for what the pod has already. A device
// that no plugin wants as such is mounted on the host, and its folder goes the way of all others. Throws
// Error.
Offers make_offers(std::list<plugin::Storage>& storages, const std::string& container_id,
                   const oci::Spec& spec, const std::vector<GuestMountChoice>& choices,
                   const std::optional<RootDevice>& root_device,
                   const std::function<bool(const plugin::MountRequest&)>& is_there);

} // namespace nacre::sandbox
