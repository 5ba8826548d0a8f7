// Which character devices a guest has itself, so that a container that asks for one of the host's gets the
// guest's; and why it cannot have the others.
#pragma once

#include "sandbox/device_number.hpp"

#include <optional>
#include <string>

namespace nacre::sandbox {

struct GuestDevice {
  std::string name;   // below /dev, as the guest's kernel names it: "net/tun"
  std::string module; // of the guest's image; "": built in
};

// `path`: how messages call it. Throws Error (failed_precondition) with the reason for one that no guest has.
GuestDevice guest_device(const DeviceNumber& device, const std::string& path);

// The guest's own loop device, for one of the host's that has no file: programs that set one up ask for it.
GuestDevice guest_loop_device(std::uint32_t minor);

// Devices that have one number in every Linux and that the guest has, or that containers make themselves
// (loop devices). Without `minor`: some of that major number are.
bool has_same_numbers(char type, std::uint32_t major, std::optional<std::int64_t> minor);

} // namespace nacre::sandbox
