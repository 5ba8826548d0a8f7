// The host's cgroups: what is mounted, and who manages them.
#pragma once

#include <string>

namespace nacre::cli {

struct CgroupFacts {
  std::string version;     // "v1", "v2", "hybrid"; "": nothing is mounted
  std::string manager;     // "systemd" or "cgroupfs"
  std::string controllers; // of the root, v2 only: "cpuset cpu io memory pids"
  std::string problem;     // why no pod's cgroup can be made; "" when one can
};

CgroupFacts cgroup_facts();

} // namespace nacre::cli
