// What names a device to a kernel. The host's numbers and the guest's name different devices, but for those
// that Linux gives one number everywhere.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace nacre::sandbox {

struct DeviceNumber {
  char type = 'c'; // 'b' or 'c', as in the runtime specification
  std::uint32_t major = 0, minor = 0;

  auto operator<=>(const DeviceNumber&) const = default;
  std::string text() const {
    return std::string(1, type) + " " + std::to_string(major) + ":" + std::to_string(minor);
  }
};

} // namespace nacre::sandbox
