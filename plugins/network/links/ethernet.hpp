// Which links can be a guest's NIC, whatever the way to it.
#pragma once

#include <nacre/sdk/host.hpp>
#include <nacre/sdk/links.hpp>

#include <span>
#include <string>
#include <string_view>

namespace nacre::links {

// Whether the plugin of this name takes the link: Ethernet, and of one of these kinds (IFLA_INFO_KIND; "" is
// a physical link). A link that it leaves is told about, but for the loopback and ends of NICs.
bool takes(const sdk::Host& host, std::string_view plugin, const sdk::Link& link,
           std::span<const std::string_view> kinds);

// Throws where the link cannot carry what a guest sends.
void check_ethernet(const sdk::Link& link);

// What virtio-net can tell a guest, and a tap can have; 0: not said. Throws otherwise; `whose` is for the
// message.
std::uint32_t checked_mtu(std::uint32_t mtu, const std::string& whose);

} // namespace nacre::links
