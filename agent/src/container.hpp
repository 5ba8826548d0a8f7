// One container: what was made for it in the guest, and its processes.
#pragma once

#include "cgroup.hpp"
#include "process.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nacre::agent {

struct Container {
  explicit Container(std::string name) : id(std::move(name)) {}

  const std::string id;
  // Held through create, start and remove, which exclude each other. Taken before `mutex`.
  std::mutex lifecycle;
  // The spec has hooks that only crun itself can run at the start.
  bool has_start_hooks = false;
  std::vector<std::string> mount_points; // storages of its own, in order
  std::vector<std::string> sockets;      // paths that are listened at for it
  std::set<std::string> folders;         // paths of copies of the host's

  std::mutex mutex;                                          // guards what follows
  std::map<std::string, std::shared_ptr<Process>> processes; // by exec id; "" is the first process
  std::optional<Cgroup> cgroup;                              // known once crun has created it

  std::string bundle() const { return "/run/nacre/bundle/" + id; }
  // Throws Error not_found.
  std::shared_ptr<Process> process(const std::string& exec_id);
  // Throws Error failed_precondition while there is none.
  Cgroup own_cgroup();
};

// Names become file names here and in crun. Throws Error for one that could leave its folder.
void check_name(const std::string& kind, const std::string& name);

} // namespace nacre::agent
