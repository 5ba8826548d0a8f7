// What the Task service knows of its containers beside the Sandbox: how they came, their stdio's names and
// keepers, and what ends with which connection. All access goes through one mutex that is never held across a
// call that blocks.
#pragma once

#include "base/unique_fd.hpp"
#include "shim/owned_path.hpp"
#include "shim/stdio.hpp"
#include "ttrpc/server.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace nacre::shim {

struct ProcessRecord {
  StdioUris uris;
  UniqueFd stdin_keeper; // see OpenedStdio
  std::vector<UniqueFd> output_keepers;
  std::unique_ptr<LogProcess> log_process;
  std::optional<ttrpc::ConnectionId> ends_with;
};

struct TaskRecord {
  std::string bundle;
  OwnedPath state_dir;
  std::string mounted_rootfs; // empty: containerd asked for no mounts
  bool creating = true;
  bool cancelled = false; // its creator has gone before the answer
  ttrpc::ConnectionId creator = 0;
  std::optional<ttrpc::ConnectionId> ends_with;
  std::map<std::string, ProcessRecord> processes; // by exec id; "" is the first process
};

class TaskTable {
public:
  // Throws Error(already_exists).
  void reserve(const std::string& id, TaskRecord record);
  // The create has succeeded. False: it was cancelled meanwhile.
  bool finish_create(const std::string& id);
  bool cancelled(const std::string& id) const;
  // Throws Error(not_found) when there is no such container or it is still being created.
  void require(const std::string& id) const;

  void set_places(const std::string& id, OwnedPath state_dir, std::string mounted_rootfs);
  OwnedPath state_dir(const std::string& id) const;
  void add_process(const std::string& id, const std::string& exec_id, ProcessRecord record);
  StdioUris uris(const std::string& id, const std::string& exec_id) const;
  std::string bundle(const std::string& id) const;
  bool close_stdin_keeper(const std::string& id, const std::string& exec_id); // false: stdin is no fifo
  void drop_keepers(const std::string& id, const std::string& exec_id);       // the process has ended

  // Taken out; empty when there is none.
  std::optional<ProcessRecord> take_process(const std::string& id, const std::string& exec_id);
  std::optional<TaskRecord> take(const std::string& id);
  std::vector<std::string> ids() const;
  bool empty() const;

  // What goes with a connection. Containers whose create is cancelled by this are marked.
  struct Orphans {
    std::vector<std::string> creating, containers;
    std::vector<std::pair<std::string, std::string>> execs;
  };
  Orphans connection_closed(ttrpc::ConnectionId connection);

private:
  const ProcessRecord& find_process(const std::string& id, const std::string& exec_id) const;
  mutable std::mutex mutex_;
  std::map<std::string, TaskRecord> tasks_;
};

} // namespace nacre::shim
