// Direct volumes while containers have them: who asks how full one is, or lets it grow, finds its sandbox by
// the note beside it.
#include "sandbox/sandbox_impl.hpp"

#include "base/error.hpp"

namespace nacre::sandbox {
namespace {

constexpr std::chrono::seconds stat_deadline{20};
constexpr std::chrono::seconds growth_deadline{120}; // of a large file system on a slow disk

} // namespace

void Sandbox::Impl::note_volumes(Container& container, const std::vector<GuestMountChoice>& choices,
                                 const GuestPaths& paths) {
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i].how != GuestMountChoice::How::volume) continue;
    container.direct_volumes[choices[i].host_source] = paths.mount_sources.at(i);
    for (const auto& [key, value] : choices[i].volume->metadata)
      log(LogLevel::warning, "container " + container.id + ": metadata \"" + key +
                                 "\" of the direct volume \"" + choices[i].host_source + "\" has no effect");
  }
  std::unique_lock lock(container.state_mutex);
  const auto socket = container.state.socket;
  lock.unlock();
  for (const auto& [path, guest_path] : container.direct_volumes)
    oci::note_direct_volume_user(path, sandbox_id, {socket, container.id});
}

void Sandbox::Impl::forget_volumes(Container& container) noexcept {
  for (const auto& [path, guest_path] : container.direct_volumes)
    oci::forget_direct_volume_user(path, sandbox_id);
}

VolumeStats Sandbox::Impl::volume_stats(const std::string& container_id, const std::string& path) const {
  const auto container = find(container_id);
  const auto volume = container->direct_volumes.find(path);
  if (volume == container->direct_volumes.end())
    throw Error(ErrorCode::not_found, "show how full the direct volume is", path)
        .because("container " + container_id + " has none of that path");
  const auto reply = need_agent()->stat_file_system(volume->second, stat_deadline);
  return {reply.total_bytes(), reply.free_bytes(), reply.available_bytes(), reply.total_inodes(),
          reply.free_inodes()};
}

void Sandbox::Impl::grow_volume(const std::string& container_id, const std::string& path,
                                std::uint64_t bytes) {
  const std::lock_guard lock(structure);
  find(container_id);
  const auto connected = need_agent();
  if (!plan.disks_grow)
    throw Error(ErrorCode::unimplemented, "grow the volume", path)
        .because("hypervisor plugin " + vm->plugin().label() + " cannot tell a guest that a disk has grown")
        .hint("start the container anew");
  const auto disk = storage->grow_disk(container_id, path, bytes);
  agent_client::v1::GrowDiskRequest request;
  request.set_source(disk.address);
  request.set_bytes(disk.bytes);
  request.set_mount_point(disk.mount_point);
  connected->grow_disk(request, growth_deadline);
}

} // namespace nacre::sandbox
