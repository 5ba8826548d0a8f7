// Folders of the host's that containers have as copies in the guest's memory, kept the same: what changes on
// the host is noticed by inotify(7) and sent whole. So programs inside are told of it, too: a share does not
// tell, and those that wait for their configuration (kubelet's ConfigMaps and Secrets) would wait for ever.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/io_loop.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/on_demand_worker.hpp"

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace nacre::sandbox {

// From any thread but the loop's.
class WatchedFolders {
public:
  using Agent = std::function<std::shared_ptr<agent_client::AgentClient>()>; // null: there is none

  // `warn` may be called on any thread.
  WatchedFolders(agent_client::IoLoop& loop, Agent agent, std::function<void(const std::string&)> warn);
  ~WatchedFolders() { stop(); }
  WatchedFolders(const WatchedFolders&) = delete;
  WatchedFolders& operator=(const WatchedFolders&) = delete;

  // The folder as it is now, for CreateContainer; what changes from now on is not lost. Nothing for one that
  // is too large, or holds what cannot be copied. Throws Error.
  std::optional<agent_client::v1::FolderCopy> add(const std::string& container_id, const std::string& path);
  // The guest has the copies.
  void serve(const std::string& container_id);
  // Nothing for a container that has none.
  void drop(const std::string& container_id) noexcept;
  void stop() noexcept; // idempotent; before the connection ends

private:
  struct Folder {
    std::string container_id, path;
    UniqueFd fd, inotify;
    agent_client::IoLoop::Id watch = 0;
    agent_client::v1::FolderCopy copy; // what the guest has
    bool served = false, dirty = true; // under mutex_
    bool failing = false;              // that was told
  };
  static std::function<void(int)> watcher(const Folder& folder);
  void changed(const std::shared_ptr<Folder>& folder);
  void send_changes() noexcept; // the worker's
  std::shared_ptr<Folder> next_dirty();
  void send(Folder& folder);

  agent_client::IoLoop& loop_;
  const Agent agent_;
  const std::function<void(const std::string&)> warn_;
  std::mutex mutex_; // guards the list
  std::list<std::shared_ptr<Folder>> folders_;
  OnDemandWorker worker_; // last: it uses the others
};

} // namespace nacre::sandbox
