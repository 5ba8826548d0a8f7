// linux.cgroupsPath as engines write it for systemd: "slice:prefix:name".
#pragma once

#include <string>

namespace nacre::systemd {

struct ScopeName {
  std::string slice; // "user-1000.slice"; "system.slice" where the path names none
  std::string unit;  // "prefix-name.scope", or a slice of that name

  bool is_slice() const { return unit.ends_with(".slice"); }
  // Below a cgroup hierarchy's root: "/user.slice/user-1000.slice/prefix-name.scope".
  std::string cgroup_path() const;

  // An empty path is system.slice:nacre:<id>. Throws Error for any other form, in runc's words, and for what
  // is no name of a unit.
  static ScopeName parse(const std::string& cgroups_path, const std::string& container_id);
};

} // namespace nacre::systemd
