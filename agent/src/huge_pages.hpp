// Huge pages of the guest's kernel, set aside for a volume of them: the kernel gives none that it has not set
// aside before.
#pragma once

#include <cstdint>
#include <string>

namespace nacre::agent {

struct HugePages {
  std::uint64_t page_bytes = 0;
  std::uint64_t count = 0;

  // All or nothing. Throws Error.
  void set_aside() const;
  void give_back() const noexcept;
};

// Those of a mounted hugetlbfs; none for another file system.
HugePages huge_pages_of(const std::string& mount_point);

} // namespace nacre::agent
