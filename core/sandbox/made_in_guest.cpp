// Mount sources that the guest makes itself: sockets that are relayed, and folders that are copied.
#include "sandbox/sandbox_impl.hpp"

namespace nacre::sandbox {

void Sandbox::Impl::copy_folders(const Container& container, std::vector<GuestMountChoice>& choices,
                                 MadeInGuest& made) {
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i].how != GuestMountChoice::How::copy) continue;
    if (!folders)
      folders = std::make_unique<WatchedFolders>(
          loop, [this] { return agent(); },
          [this](const std::string& problem) { log(LogLevel::warning, problem); });
    const auto& path = choices[i].host_source;
    if (auto copy = folders->add(container.id, path)) {
      made.folders.emplace(i, std::move(*copy));
      continue;
    }
    choices[i].how = GuestMountChoice::How::share;
    log(LogLevel::info,
        "container " + container.id + ": \"" + path +
            "\" is shared, not copied, since it holds more than 1 MiB, than 256 files, or what "
            "is no file; inotify inside tells nothing of its changes");
  }
}

void Sandbox::Impl::describe(MadeInGuest& made, agent_client::v1::CreateContainerRequest& request,
                             GuestPaths& paths) {
  for (const auto& socket : made.sockets) {
    paths.mount_sources.at(socket.mount) = socket.guest_path;
    auto& listened = *request.add_sockets();
    listened.set_path(socket.guest_path);
    listened.set_mode(socket.host.mode);
    listened.set_uid(socket.host.uid);
    listened.set_gid(socket.host.gid);
  }
  for (auto& [mount, copy] : made.folders) {
    paths.mount_sources.at(mount) = copy.path();
    *request.add_folders() = std::move(copy);
  }
}

void Sandbox::Impl::serve(const Container& container, MadeInGuest made) {
  if (folders) folders->serve(container.id);
  if (made.sockets.empty()) return;
  if (!sockets)
    sockets = std::make_unique<PodSockets>(
        loop, [this](const std::string& problem) { log(LogLevel::warning, problem); });
  sockets->serve(need_agent(), container.id, std::move(made.sockets));
}

} // namespace nacre::sandbox
