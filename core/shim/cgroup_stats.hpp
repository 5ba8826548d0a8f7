// What Task.Stats answers: the use of CPU, memory and pids of the cgroup that a host process is in.
#pragma once

#include "ttrpc/proto/wire.pb.h"

#include <string>
#include <string_view>

namespace nacre::shim {

// The cgroup paths of a process, from the text of /proc/PID/cgroup.
struct CgroupPaths {
  std::string unified;               // the line 0::
  std::string cpuacct, memory, pids; // of v1 hierarchies with these controllers; empty: none
};
CgroupPaths parse_proc_cgroup(std::string_view text);

// io.containerd.cgroups.v2.Metrics on a host with only the unified hierarchy, else
// io.containerd.cgroups.v1.Metrics. Files that are missing leave their field 0. Throws Error(not_found) when
// the process has ended.
ttrpc::wire::Any cgroup_stats(int pid, const std::string& cgroup_root = "/sys/fs/cgroup");

} // namespace nacre::shim
