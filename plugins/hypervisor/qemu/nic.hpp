// virtio-net over a tap's queues, or over a stream socket (passt).
#pragma once

#include "place.hpp"

#include <nacre/sdk/device.hpp>

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace nacre::qemu::nic {

std::string backend_id(const sdk::GuestDevice& guest);

// The argument of -netdev and netdev_add; `names` are the descriptors' numbers, or the names that getfd gave
// them.
boost::json::object backend(const sdk::GuestDevice& guest, const sdk::HostEnd& host,
                            const std::vector<std::string>& names,
                            const std::vector<std::string>& vhost_names);

// Adds what a NIC's front end has beside its place.
void add_properties(boost::json::object& device, const sdk::GuestDevice& guest, const sdk::HostEnd& host,
                    Place::Transport transport);

} // namespace nacre::qemu::nic
