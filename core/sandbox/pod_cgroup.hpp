// The pod's cgroup on the host: VMM, helpers, holders and the sandbox process are
// in it, in every hierarchy that is mounted (v1, v2, or both). It has no limits but those of block I/O: the
// guest's memory is the limit, and its kernel enforces the containers'.
#pragma once

#include "journal/journal.hpp"
#include "sandbox/block_io.hpp"
#include "sandbox/pod_scope.hpp"

#include <optional>
#include <string>
#include <vector>

namespace nacre::sandbox {

struct CgroupHierarchy {
  std::string mount_point;              // "/sys/fs/cgroup/memory"
  std::string root;                     // what of the hierarchy is mounted there: "/" but in a container
  std::vector<std::string> controllers; // v1; empty: v2
};

// From the text of /proc/self/mountinfo.
std::vector<CgroupHierarchy> find_hierarchies(const std::string& mountinfo);

// linux.cgroupsPath as a path below the hierarchy's root, for the cgroupfs driver; a relative or empty path
// is below `/`, as runc has it.
std::string cgroup_path(const std::string& cgroups_path, const std::string& container_id);

// In any hierarchy that is mounted.
bool cgroup_exists(const std::string& path);

class PodCgroup {
public:
  // The cgroupfs driver: makes what is missing; the pod's own folders have a record in the journal before.
  // Throws Error.
  PodCgroup(journal::Journal& journal, const std::string& path);
  // The systemd driver: systemd makes the unit around `first_pid`, a process of the pod, in the hierarchies
  // that it manages; the others, of a v1 host, are made here. Throws Error.
  PodCgroup(journal::Journal& journal, const systemd::ScopeName& scope, const std::string& container_id,
            int first_pid);
  // Of hierarchies given, for tests.
  PodCgroup(journal::Journal& journal, const std::string& path, std::vector<CgroupHierarchy> hierarchies);

  // cgroup.procs of every hierarchy.
  const std::vector<std::string>& procs_files() const noexcept { return procs_files_; }
  void join(int pid) const; // a process that has ended meanwhile is fine
  // What is not named stays as it is. Throws Error where the host's kernel or cgroups have no such limit.
  void limit(const BlockIo& block_io) const;
  // The calling process goes back to where it was when this object was made.
  void leave() const noexcept;
  // Removes what was made, if nothing is in it any more. Throws Error.
  void remove();

private:
  struct Made {
    std::string path;
    std::uint64_t record; // 0: a folder above the pod's
  };
  struct ProcsFiles {
    std::string own;  // where the sandbox process came from
    std::string root; // of the same hierarchy
  };
  void make_all(const std::vector<CgroupHierarchy>& hierarchies, const std::string& path);
  void make(const CgroupHierarchy& hierarchy, const std::string& path);
  void apply(const CgroupHierarchy& hierarchy, const std::vector<CgroupSetting>& settings) const;

  journal::Journal& journal_;
  std::string path_;
  std::vector<CgroupHierarchy> hierarchies_;
  std::vector<std::string> procs_files_;
  std::vector<ProcsFiles> own_procs_files_;
  std::optional<PodScope> scope_;
  std::vector<Made> made_; // parents first
};

} // namespace nacre::sandbox
