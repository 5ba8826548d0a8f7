// Devices that containers get beyond those that crun gives each: found by what the host calls them, and as
// nodes for mounts to bind.
#pragma once

#include "agent.pb.h"

#include <string>

namespace nacre::agent {

class Modules;

// Throws Error: not_found for a device that this guest's kernel has not.
void find_devices(Modules& modules, const v1::FindDevicesRequest& request, v1::FindDevicesReply& reply);

// Nodes are below a tmpfs of their own, since no container may use devices by any other. Throws Error.
void make_device_node(const v1::DeviceNode& node);
void remove_device_nodes(const std::string& container_id) noexcept;

} // namespace nacre::agent
