#include "nic.hpp"

#include <cstdio>

namespace nacre::qemu::nic {
namespace json = boost::json;

namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : ":") + name;
  return text;
}

std::string mac_text(const sdk::Mac& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                mac[5]);
  return text;
}

} // namespace

std::string backend_id(const sdk::GuestDevice& guest) {
  return "net-" + guest.id;
}

json::object backend(const sdk::GuestDevice& guest, const sdk::HostEnd& host,
                     const std::vector<std::string>& names, const std::vector<std::string>& vhost_names) {
  if (host.kind == NACRE_END_STREAM)
    return {{"type", "stream"},
            {"id", backend_id(guest)},
            {"server", false},
            {"addr", {{"type", "fd"}, {"str", names.at(0)}}}};
  json::object tap{{"type", "tap"}, {"id", backend_id(guest)}};
  // With one queue the plural form would still make QEMU treat the tap as one of many.
  tap[names.size() == 1 ? "fd" : "fds"] = joined(names);
  if (!vhost_names.empty()) {
    tap["vhost"] = true;
    tap[vhost_names.size() == 1 ? "vhostfd" : "vhostfds"] = joined(vhost_names);
  }
  return tap;
}

void add_properties(json::object& device, const sdk::GuestDevice& guest, const sdk::HostEnd& host,
                    Place::Transport transport) {
  const bool pci = transport == Place::Transport::pci;
  device["netdev"] = backend_id(guest);
  device["mac"] = mac_text(guest.mac);
  if (pci) device["romfile"] = ""; // no boot ROM: nobody boots from the network, and loading it costs time
  if (guest.mtu != 0) device["host_mtu"] = guest.mtu;
  const auto queues = static_cast<std::uint32_t>(host.fds.size());
  if (queues > 1) {
    device["mq"] = true;
    if (pci) device["vectors"] = 2 * queues + 2; // one a ring, one for control, one for configuration changes
  }
}

} // namespace nacre::qemu::nic
