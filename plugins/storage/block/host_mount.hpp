// What the host's mount table says of one mounted disk (proc(5), mountinfo).
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

namespace nacre::block {

struct HostMount {
  dev_t device = 0;
  std::string source; // as it was mounted: "/dev/mapper/pool-snap-3"
  std::string target;
  std::string root; // "/", or the folder of the file system that is bound here
  std::string fstype;
  unsigned long flags = 0;       // MS_* of this mount
  unsigned long super_flags = 0; // MS_* of the file system
  std::string data;              // the file system's own options
  bool shared = false;           // of a peer group (mount_namespaces(7))

  bool is_read_only() const; // the file system: nobody on the host writes
  // Words as in fstab: those of `flags` and `data`.
  std::string words;
};

// The uppermost mount at `target`; none: nothing is mounted there.
std::optional<HostMount> find_mount(const std::string& target);

// Why a mount cannot be taken off the host: the same file system is mounted elsewhere too, or there is a
// mount below it. Empty: nothing in the host's mount table is against it.
std::string other_use(const HostMount& mount);

} // namespace nacre::block
