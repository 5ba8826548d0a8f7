// The device rules of a container (linux.resources.devices): what they allow, and what they are in the guest,
// where devices have other numbers. Later rules win, as with runc and crun.
#pragma once

#include "sandbox/device_number.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace nacre::sandbox {

// Of a config.json; empty where it has none.
boost::json::array device_rules(const boost::json::object& document);

// A rule that lets everything pass is what engines write for --privileged and `privileged: true`, beside a
// list of all of the host's devices.
bool allow_every_device(const boost::json::array& rules);

struct DeviceAccess {
  bool read = false, write = false;
};

// What the rules, with the host's numbers, allow to do with a device. None at all allow nothing.
DeviceAccess access_by_rules(const boost::json::array& rules, const DeviceNumber& device);

// A device of the container, on the host and in the guest.
struct NumberPair {
  DeviceNumber host, guest;
};

// The rules in the guest's numbers, in their order. A rule for the host's other devices is left out: in the
// guest its numbers are those of something else. `without_effect` gets those that would have allowed
// something ("b 8:* r").
boost::json::array guest_device_rules(const boost::json::array& rules, const std::vector<NumberPair>& devices,
                                      std::vector<std::string>& without_effect);

} // namespace nacre::sandbox
