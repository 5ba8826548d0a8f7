// Texts of cgroup v2 files, as the guest's kernel writes them. They come from the guest, so anything may be
// in them: what does not parse is passed over.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::oci {

// cgroup v2's "max".
inline constexpr std::uint64_t cgroup_unlimited = UINT64_MAX;

// A file of one number; "max" is cgroup_unlimited, no number is 0.
std::uint64_t cgroup_number(std::string_view text);

// Lines "name number" (memory.stat, cpu.stat, memory.events).
std::map<std::string, std::uint64_t> flat_keyed(std::string_view text);

// Lines "major:minor name=number ..." of io.stat.
struct DeviceCounters {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::map<std::string, std::uint64_t> values;
};
std::vector<DeviceCounters> device_keyed(std::string_view text);

} // namespace nacre::oci
