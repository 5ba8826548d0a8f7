#include "sandbox/watched_folders.hpp"

#include "base/error.hpp"
#include "sandbox/folder_copy.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;

// A ConfigMap or Secret has at most 1 MiB; while kubelet changes one, the old and the new are there.
constexpr FolderLimits at_first{1 << 20, 256};
constexpr FolderLimits later{4 << 20, 1024};
constexpr auto update_deadline = 20s;

std::string next_guest_path() {
  static std::atomic<unsigned> last = 0;
  return "/run/nacre/watched/" + std::to_string(++last);
}

} // namespace

WatchedFolders::WatchedFolders(agent_client::IoLoop& loop, Agent agent,
                               std::function<void(const std::string&)> warn)
    : loop_(loop), agent_(std::move(agent)), warn_(std::move(warn)), worker_([this] { send_changes(); }) {}

std::optional<agent_client::v1::FolderCopy> WatchedFolders::add(const std::string& container_id,
                                                                const std::string& path) {
  auto folder = std::make_shared<Folder>();
  folder->container_id = container_id;
  folder->path = path;
  folder->fd =
      UniqueFd(check_errno(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open folder", path));
  folder->inotify = UniqueFd(check_errno(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "watch folder", path));
  auto copy = copy_folder(folder->fd.get(), path, at_first, watcher(*folder));
  if (!copy) return std::nullopt;
  copy->set_path(next_guest_path());
  folder->copy = *copy;
  loop_.run([&] {
    folder->watch =
        loop_.add(folder->inotify.get(), EPOLLIN, [this, folder](std::uint32_t) { changed(folder); });
  });
  const std::lock_guard lock(mutex_);
  folders_.push_back(std::move(folder));
  return copy;
}

std::function<void(int)> WatchedFolders::watcher(const Folder& folder) {
  return [inotify = folder.inotify.get(), path = folder.path](int fd) {
    constexpr auto what = IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_CLOSE_WRITE | IN_ONLYDIR;
    const std::string opened = "/proc/self/fd/" + std::to_string(fd);
    check_errno(::inotify_add_watch(inotify, opened.c_str(), what), "watch folder", path);
  };
}

void WatchedFolders::changed(const std::shared_ptr<Folder>& folder) {
  std::array<char, 4096> events; // the folder is read whole, whatever they say
  while (::read(folder->inotify.get(), events.data(), events.size()) > 0) {
  }
  {
    const std::lock_guard lock(mutex_);
    folder->dirty = true;
  }
  worker_.wake();
}

void WatchedFolders::serve(const std::string& container_id) {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& folder : folders_)
      if (folder->container_id == container_id) folder->served = true;
  }
  worker_.wake();
}

std::shared_ptr<WatchedFolders::Folder> WatchedFolders::next_dirty() {
  const std::lock_guard lock(mutex_);
  for (const auto& folder : folders_)
    if (folder->served && std::exchange(folder->dirty, false)) return folder;
  return nullptr;
}

void WatchedFolders::send_changes() noexcept {
  while (const auto folder = next_dirty()) {
    std::string problem;
    try {
      send(*folder);
    } catch (const std::exception& error) {
      problem = error.what();
    }
    const bool was_failing = std::exchange(folder->failing, !problem.empty());
    if (was_failing || problem.empty()) continue;
    const std::lock_guard lock(mutex_);
    if (std::find(folders_.begin(), folders_.end(), folder) != folders_.end()) // else it went meanwhile
      warn_("container " + folder->container_id + ": " + problem);
  }
}

void WatchedFolders::send(Folder& folder) {
  auto copy = copy_folder(folder.fd.get(), folder.path, later, watcher(folder));
  if (!copy)
    throw Error(ErrorCode::resource_exhausted, "carry changes into the guest of folder", folder.path)
        .because("it has become too large, or holds what is no file")
        .hint("start the container anew");
  copy->set_path(folder.copy.path());
  if (copy->SerializeAsString() == folder.copy.SerializeAsString()) return;
  const auto agent = agent_();
  if (!agent) return;
  agent_client::v1::UpdateFolderRequest request;
  request.set_container_id(folder.container_id);
  *request.mutable_folder() = *copy;
  agent->update_folder(request, update_deadline);
  folder.copy = std::move(*copy);
}

void WatchedFolders::drop(const std::string& container_id) noexcept {
  try {
    std::list<std::shared_ptr<Folder>> gone;
    {
      const std::lock_guard lock(mutex_);
      for (auto folder = folders_.begin(); folder != folders_.end();) {
        const auto current = folder++;
        if (container_id.empty() || (*current)->container_id == container_id)
          gone.splice(gone.end(), folders_, current);
      }
    }
    loop_.run([&] {
      for (const auto& folder : gone)
        loop_.remove(folder->watch);
    });
  } catch (const std::exception&) {
    // nothing of it throws but a lack of memory, and then the process ends anyway
  }
}

void WatchedFolders::stop() noexcept {
  drop({}); // of all containers
  worker_.stop();
}

} // namespace nacre::sandbox
