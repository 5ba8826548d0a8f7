// The mounts that the sandbox process sees: proc(5), mountinfo.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace nacre::sandbox {

struct HostMount {
  std::uint64_t id = 0;
  dev_t device = 0;
  std::string root;  // the folder of its file system that is mounted: "/" is all of it
  std::string point; // where
  std::string fstype;
  bool is_private = true; // takes and gives no mounts of other namespaces
};

class MountTable {
public:
  static MountTable read();
  explicit MountTable(std::string_view mountinfo);

  const std::vector<HostMount>& mounts() const noexcept { return mounts_; }
  const HostMount* find(std::uint64_t id) const; // null: not there
  // Whether something is mounted below the folder, which is absolute and resolved.
  bool has_below(std::string_view folder) const;

private:
  std::vector<HostMount> mounts_;
};

// The mount that the open file is on, as STATX_MNT_ID has it; 0: the kernel does not say.
std::uint64_t mount_id_of(int fd);

} // namespace nacre::sandbox
