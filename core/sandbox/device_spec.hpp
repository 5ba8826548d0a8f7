// The devices of a container in the config.json for the guest's crun, once the guest has told their numbers.
#pragma once

#include "agent_client/agent_client.hpp"
#include "sandbox/device_choice.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace nacre::sandbox {

struct GuestDevices {
  std::vector<agent_client::v1::DeviceNode> nodes; // for the agent to make, before crun binds them
  std::vector<std::string> rules_without_effect;   // of linux.resources.devices: "b 8:* r"
};

// `numbers`: the guest's, one for each choice. A device of linux.devices stays there where crun makes nodes
// in a /dev of the container's own; elsewhere a node would end up in the root file system, or could not be
// made (user namespaces), so that it is bound, as a device among the mounts is.
GuestDevices set_guest_devices(boost::json::object& document, const std::vector<DeviceChoice>& choices,
                               const std::vector<DeviceNumber>& numbers, const std::string& container_id);

} // namespace nacre::sandbox
