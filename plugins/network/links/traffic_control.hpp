// What is hung on a link: an ingress qdisc with filters, a redirection of all that the link receives to
// another one (act_mirred), a root qdisc that limits the rate of what it sends (tc-tbf).
#pragma once

#include "netlink.hpp"

#include <cstdint>
#include <string>

namespace nacre::links {

// By its priority a filter is known as ours in a later process. The one before is for what must not be
// redirected.
constexpr std::uint16_t filter_priority = 0x6e61, filter_priority_before = filter_priority - 1;

bool has_ingress_qdisc(const Netlink& netlink, std::uint32_t index);

// Adds the qdisc; throws NACRE_E_ALREADY_EXISTS when the link has one.
void add_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name);
// All that the link `from` receives leaves by the link `to`. Offloads travel along with each packet.
void redirect(const Netlink& netlink, std::uint32_t from, std::uint32_t to, const std::string& what);

// Removes the qdisc and with it its filters. Succeeds when link or qdisc are gone.
void remove_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name);
// The same, if no filter but ours is in it.
void remove_own_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name);

// The link sends no more than this, counted from the first byte of each frame. Throws NACRE_E_ALREADY_EXISTS
// when it has a root qdisc that somebody chose; the kernel's default one comes back with remove_rate_limit().
void add_rate_limit(const Netlink& netlink, std::uint32_t index, const std::string& name,
                    std::uint64_t bits_per_second, std::uint32_t mtu);
// Succeeds when link or qdisc are gone; leaves a root qdisc that is not ours.
void remove_rate_limit(const Netlink& netlink, std::uint32_t index, const std::string& name);

} // namespace nacre::links
