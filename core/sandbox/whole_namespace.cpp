#include "sandbox/whole_namespace.hpp"

#include <algorithm>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

namespace nacre::sandbox {
namespace {

// The NIC stays the same one whichever link the default route leaves by; no frame of it is ever on a wire.
constexpr std::uint32_t index_of_nic = 1;
constexpr plugin::Mac mac_of_nic = {0x02, 'n', 'a', 'c', 'r', 'e'};

bool is_default(const plugin::Route& route) {
  return route.destination_length == 0 && route.type == RTN_UNICAST;
}

bool has_default_route(const ScannedLink& link) {
  return std::any_of(link.link.routes.begin(), link.link.routes.end(), is_default);
}

bool is_link_local(const plugin::Address& address) {
  return address.family == 6 && address.address[0] == 0xfe && (address.address[1] & 0xc0) == 0x80;
}

bool has_address(const ScannedLink& link) {
  return !std::all_of(link.link.addresses.begin(), link.link.addresses.end(), is_link_local);
}

std::vector<ScannedLink>::iterator find_main(std::vector<ScannedLink>& links) {
  const auto by_route = std::find_if(links.begin(), links.end(), has_default_route);
  return by_route != links.end() ? by_route : std::find_if(links.begin(), links.end(), has_address);
}

// No neighbour is looked for behind it in the guest's own right: the network is that of the main link.
plugin::Address alone(plugin::Address address) {
  address.prefix_length = address.family == 6 ? 128 : 32;
  address.flags |= IFA_F_NOPREFIXROUTE;
  return address;
}

bool uses(const ScannedLink& link, std::uint32_t family) {
  return std::any_of(link.link.addresses.begin(), link.link.addresses.end(),
                     [&](const plugin::Address& one) { return one.family == family && !is_link_local(one); });
}

bool leads_out(const ScannedLink& link, std::uint32_t family) {
  return std::any_of(link.link.routes.begin(), link.link.routes.end(),
                     [&](const plugin::Route& route) { return route.family == family; });
}

// Networks of other links are behind the NIC too.
plugin::Route way_out(std::uint32_t family) {
  plugin::Route route;
  route.family = family;
  route.scope = family == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  route.type = RTN_UNICAST;
  route.protocol = RTPROT_STATIC;
  return route;
}

} // namespace

std::vector<ScannedLink> as_one_link(std::vector<ScannedLink> links) {
  const auto main = find_main(links);
  if (main == links.end()) return {};
  ScannedLink one = std::move(*main);
  links.erase(main);
  one.link.index = index_of_nic;
  one.link.mac = mac_of_nic;
  one.link.flags |= IFF_UP;
  one.link.flags &= ~static_cast<std::uint32_t>(IFF_NOARP); // who answers is the plugin's end
  std::erase_if(one.link.routes, [](const plugin::Route& route) { return !is_default(route); });
  one.neighbors.clear();
  for (const auto& other : links)
    for (const auto& address : other.link.addresses)
      if (!is_link_local(address)) one.link.addresses.push_back(alone(address));
  for (const std::uint32_t family : {4u, 6u})
    if (uses(one, family) && !leads_out(one, family)) one.link.routes.push_back(way_out(family));
  std::vector<ScannedLink> result;
  result.push_back(std::move(one));
  return result;
}

} // namespace nacre::sandbox
