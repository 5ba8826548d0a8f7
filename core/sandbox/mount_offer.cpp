#include "sandbox/mount_offer.hpp"

#include "base/error.hpp"

namespace nacre::sandbox {
namespace {

MountSource look_at_source(plugin::MountRequest& request, const std::string& container_id) {
  MountSource source =
      open_mount_source(request.source, request.is_rootfs ? "root file system" : "mount source");
  request.container_id = container_id;
  request.source = source.path;
  request.source_kind = source.kind;
  request.device_major = source.device_major;
  request.device_minor = source.device_minor;
  // A node is mounted only by who was told as what.
  if (source.kind != NACRE_SOURCE_BLOCK) request.fstype = source.fstype;
  return source;
}

plugin::MountRequest request_of_root(const oci::Spec& spec) {
  plugin::MountRequest request;
  request.is_rootfs = true;
  request.read_only = spec.root.readonly;
  request.source = spec.root.path;
  return request;
}

Offer offer_root(std::list<plugin::Storage>& storages, const std::string& container_id, const oci::Spec& spec,
                 const std::optional<RootDevice>& device) {
  auto folder = request_of_root(spec);
  if (!device) return offer(storages, container_id, std::move(folder));
  auto node = folder;
  node.source = device->node;
  node.fstype = device->fstype;
  node.options = device->options;
  const MountSource source = look_at_source(node, container_id);
  if (std::string reasons; find_taker(storages, node, reasons))
    return offer(storages, container_id, std::move(node));
  device->mount();
  return offer(storages, container_id, std::move(folder));
}

} // namespace

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

Offer offer(std::list<plugin::Storage>& storages, const std::string& container_id,
            plugin::MountRequest request) {
  MountSource source = look_at_source(request, container_id);
  auto& taker = claim_storage(storages, request);
  if (taker.plugin().has(NACRE_ST_BLOCK)) source.fd.reset();
  return {std::move(source), std::move(request), &taker};
}

std::optional<plugin::MountRequest> request_of(const oci::Mount& mount, const GuestMountChoice& choice) {
  if (choice.how != GuestMountChoice::How::share && choice.how != GuestMountChoice::How::volume)
    return std::nullopt;
  plugin::MountRequest request;
  request.source = choice.host_source;
  request.destination = mount.destination;
  request.options = mount.options;
  request.read_only = mount.is_read_only();
  if (const auto& volume = choice.volume) {
    request.source = volume->device;
    request.fstype = volume->fstype;
    request.options = volume->options;
    request.read_only = request.read_only || oci::has_option(volume->options, "ro");
  }
  return request;
}

plugin::MountRequest request_of_space(const GuestSpace& space, const std::string& container_id) {
  plugin::MountRequest request;
  request.container_id = container_id;
  request.source = space.folder;
  request.source_kind = NACRE_SOURCE_SPACE;
  return request;
}

Offers make_offers(std::list<plugin::Storage>& storages, const std::string& container_id,
                   const oci::Spec& spec, const std::vector<GuestMountChoice>& choices,
                   const std::optional<RootDevice>& root_device,
                   const std::function<bool(const plugin::MountRequest&)>& is_there) {
  Offers offers;
  offers.root = offer_root(storages, container_id, spec, root_device);
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (auto request = request_of(spec.mounts[i], choices[i]); request && !is_there(*request))
      offers.mounts.emplace(i, offer(storages, container_id, std::move(*request)));
  return offers;
}

} // namespace nacre::sandbox
