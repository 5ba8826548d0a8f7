#include "sandbox/guest_devices.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>

namespace nacre::sandbox {
namespace {

constexpr std::uint32_t any_minor = 0xfffff; // the largest that Linux has
constexpr std::uint32_t misc_major = 10;
constexpr std::uint32_t loop_major = 7;

// Numbers of the kernel's Documentation/admin-guide/devices.txt.
struct KnownDevice {
  std::uint32_t major, first_minor, last_minor;
  const char* name;   // in the guest; null: no guest has it
  const char* module; // "": built in
  const char* reason; // of those that no guest has
};
constexpr const char* terminal = "it is a terminal of the host's; ask for one of the container's own (-t)";
constexpr const char* serial = "a serial port belongs to the host's kernel";
constexpr const char* usb =
    "a USB device belongs to the host's kernel; pass its controller through to a virtual machine as a whole";
constexpr std::array<KnownDevice, 31> known_devices = {{
    {1, 1, 1, nullptr, "", "it is the memory of the host"},
    {1, 3, 3, "null", "", nullptr},
    {1, 4, 4, nullptr, "", "it is the I/O ports of the host"},
    {1, 5, 5, "zero", "", nullptr},
    {1, 7, 7, "full", "", nullptr},
    {1, 8, 8, "random", "", nullptr},
    {1, 9, 9, "urandom", "", nullptr},
    {1, 11, 11, "kmsg", "", nullptr},
    {4, 0, 63, nullptr, "", terminal},
    {4, 64, 255, nullptr, "", serial},
    {5, 0, 0, "tty", "", nullptr},
    {5, 1, 1, "console", "", nullptr},
    {5, 2, 2, "ptmx", "", nullptr},
    {misc_major, 183, 183, "hwrng", "virtio_rng", nullptr},
    {misc_major, 196, 196, nullptr, "", "Nacre does not pass VFIO groups to containers"},
    {misc_major, 200, 200, "net/tun", "tun", nullptr},
    {misc_major, 229, 229, "fuse", "fuse", nullptr},
    {misc_major, 232, 232, nullptr, "",
     "the container is in a virtual machine already, whose kernel runs none of its own"},
    {misc_major, 236, 236, nullptr, "", "the device mapper's devices are the host's"},
    {misc_major, 237, 237, "loop-control", "loop", nullptr},
    {misc_major, 238, 238, nullptr, "", "it is the host's, for its own virtual machines"},
    {misc_major, 241, 241, nullptr, "", "it is the host's, for its own virtual machines"},
    {13, 0, any_minor, nullptr, "", "an input device belongs to the host's kernel"},
    {29, 0, any_minor, nullptr, "", "the screen belongs to the host's kernel"},
    {81, 0, any_minor, nullptr, "", "a camera belongs to the host's kernel"},
    {116, 0, any_minor, nullptr, "", "a sound card belongs to the host's kernel"},
    {136, 0, any_minor, nullptr, "", terminal},
    {188, 0, any_minor, nullptr, "", serial},
    {189, 0, any_minor, nullptr, "", usb},
    {195, 0, any_minor, nullptr, "", "a graphics card belongs to the host's kernel"},
    {226, 0, any_minor, nullptr, "", "a graphics card belongs to the host's kernel"},
}};

} // namespace

GuestDevice guest_device(const DeviceNumber& device, const std::string& path) {
  const auto* known = std::find_if(known_devices.begin(), known_devices.end(), [&](const auto& entry) {
    return entry.major == device.major && entry.first_minor <= device.minor &&
           device.minor <= entry.last_minor;
  });
  if (known != known_devices.end() && known->name) return {known->name, known->module};
  throw Error(ErrorCode::failed_precondition, "give the container the device", path)
      .because((known != known_devices.end()
                    ? std::string(known->reason)
                    : "its driver is in the host's kernel, and the container has a kernel of its own") +
               " (" + device.text() + ")")
      .hint("start the container without it");
}

GuestDevice guest_loop_device(std::uint32_t minor) {
  return {"loop" + std::to_string(minor), "loop"};
}

bool has_same_numbers(char type, std::uint32_t major, std::optional<std::int64_t> minor) {
  if (type == 'b') return major == loop_major;
  if (136 <= major && major <= 143) return true; // pseudo-terminals: the container's devpts has its own
  return std::any_of(known_devices.begin(), known_devices.end(), [&](const auto& entry) {
    return entry.name && entry.major == major &&
           (!minor || (entry.first_minor <= *minor && *minor <= entry.last_minor));
  });
}

} // namespace nacre::sandbox
