#include "ethernet.hpp"

#include <algorithm>
#include <linux/if_arp.h>

namespace nacre::links {
namespace {

// drivers/net/tun.c: 65535 less the Ethernet header.
constexpr std::uint32_t smallest_mtu = 68, largest_mtu = 65520;

std::string why_not(const sdk::Link& link, std::span<const std::string_view> kinds) {
  if (link.hardware_type != ARPHRD_ETHER)
    return link.kind == "tun" ? "it is a tun, which carries packets without Ethernet frames"
                              : "it carries no Ethernet frames";
  if (std::find(kinds.begin(), kinds.end(), link.kind) == kinds.end())
    return "it takes no links of kind \"" + link.kind + "\"";
  return {};
}

} // namespace

bool takes(const sdk::Host& host, std::string_view plugin, const sdk::Link& link,
           std::span<const std::string_view> kinds) {
  if (link.name.ends_with("_nacre") || link.hardware_type == ARPHRD_LOOPBACK) return false;
  const auto why = why_not(link, kinds);
  if (!why.empty()) host.info(std::string(plugin) + " leaves link \"" + link.name + "\" alone: " + why);
  return why.empty();
}

void check_ethernet(const sdk::Link& link) {
  if (link.hardware_type != ARPHRD_ETHER)
    throw sdk::Error(NACRE_E_UNSUPPORTED,
                     "link \"" + link.name + "\" carries no Ethernet frames; take it out of the pod");
  if (link.mac == sdk::Mac{})
    throw sdk::Error(NACRE_E_UNSUPPORTED,
                     "link \"" + link.name +
                         "\" has no MAC address for the guest to have; give it one (ip link set "
                         "dev " +
                         link.name + " address ...)");
}

std::uint32_t checked_mtu(std::uint32_t mtu, const std::string& whose) {
  if (mtu != 0 && (mtu < smallest_mtu || mtu > largest_mtu))
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT, "MTU " + std::to_string(mtu) + " of " + whose +
                                                   " is not between 68 and 65520, which a tap can have");
  return mtu;
}

} // namespace nacre::links
