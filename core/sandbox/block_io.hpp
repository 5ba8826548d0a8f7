// Limits of block I/O: linux.resources.blockIO, and the io.* of linux.resources.unified. They are about
// devices of the host's, where the files are that the guest is lent, so the cgroup of the virtual machine and
// its helpers has them.
#pragma once

#include <boost/json/object.hpp>

#include <functional>
#include <string>
#include <vector>

namespace nacre::sandbox {

// A file of a cgroup and what is written to it, at once.
struct CgroupSetting {
  std::string file;
  std::string value;
  bool operator==(const CgroupSetting&) const = default;
};

using CgroupFileExists = std::function<bool(const std::string& file)>;

class BlockIo {
public:
  // Of a linux.resources object; zeros and empty lists are no limits. Throws Error (invalid_argument).
  explicit BlockIo(const boost::json::object& resources);

  bool empty() const noexcept { return limits_.empty() && unified_.empty(); }
  // As runc writes them. Of a weight, BFQ's own file is meant where the other is not there.
  std::vector<CgroupSetting> version_1(const CgroupFileExists& exists) const;
  std::vector<CgroupSetting> version_2(const CgroupFileExists& exists) const;
  // Those that only version 2 has.
  const std::vector<CgroupSetting>& unified() const noexcept { return unified_; }

private:
  struct Limit {
    std::string kind;        // the member of blockIO: "weight", "throttleReadBpsDevice" ...
    std::string device;      // "8:0"; "": all
    std::uint64_t value = 0; // a weight, or bytes or operations in a second
  };
  void add(const char* kind, const std::string& device, const boost::json::value* value);
  void add_devices(const boost::json::object& block_io, const char* list, const char* kind,
                   const char* member);

  std::vector<Limit> limits_;
  std::vector<CgroupSetting> unified_;
};

} // namespace nacre::sandbox
