// The pod's mount namespace (docs/architecture.md): what its processes see, and nothing else. Nothing of it
// shows in the host's mount table, and nothing depends on the propagation of the host's `/`. It lives as long
// as a descriptor of it, or a process in it, does.
#pragma once

#include "base/unique_fd.hpp"

#include <string>
#include <vector>

namespace nacre::launch {

class ProcessPlan;
class Spawner;

struct PodMountsOptions {
  // An existing empty folder; the new root is put together on it, in the new namespace only, and then pivoted
  // into. Nothing below it can be among the paths here.
  std::string staging_folder;
  std::vector<std::string> read_only; // further files and folders of the host, absolute, shown at the same
                                      // place: kernel, initrd, firmware. Missing ones are an error
  std::vector<std::string> writable;  // the same, writable: the pod's folder of sockets
  std::vector<std::string> devices;   // further device nodes; missing ones are an error
};

// How a mount enters the pod.
struct PodMount {
  std::string target; // absolute, below /share, without "." and ".."; made if missing
  bool read_only = false;
  bool recursive = false;   // the clone was taken with AT_RECURSIVE: flags go to all of it
  bool follow_host = false; // mounts that the host makes below the source later appear here too (rslave)
  bool devices = false;     // device nodes in it may be opened by the pod's host processes
};

class PodMounts {
public:
  // Makes the namespace. `spawner` must outlive this object. Throws Error as Spawner::run does.
  PodMounts(Spawner& spawner, const PodMountsOptions& options);

  // Keeps it alive, and goes to ProcessPlan.enter_namespaces. Owned by this object.
  int namespace_fd() const noexcept { return namespace_.get(); }

  // Mounts a detached clone (open_tree with OPEN_TREE_CLONE, taken by the caller in the caller's mount
  // namespace).
  void add(UniqueFd tree, const PodMount& mount);
  // Unmounts it, with all below it, and removes the mount point; or an empty folder. Already gone is fine.
  void remove(const std::string& target);

private:
  Spawner& spawner_;
  UniqueFd namespace_;
};

// The plan that makes it: role "pod-mounts", argv empty, its mount namespace returned. For tests and for the
// timeline; PodMounts runs it.
ProcessPlan pod_mounts_plan(const PodMountsOptions& options);

} // namespace nacre::launch
