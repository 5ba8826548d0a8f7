// The two redirections between a link and a tap: an ingress qdisc on each, and in it one filter that matches
// all and sends what arrives out by the other (act_mirred). What a link receives does not reach the host's
// stack, but for answers to its own sockets (socket_filter.hpp), so the guest can have the link's own MAC and
// addresses, and offloads travel along with each packet's virtio header.
#pragma once

#include "netlink.hpp"

#include <cstdint>
#include <string>

namespace nacre::tcfilter {

bool has_ingress_qdisc(const Netlink& netlink, std::uint32_t index);

// Adds the qdisc; throws NACRE_E_ALREADY_EXISTS when the link has one.
void add_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name);
void redirect(const Netlink& netlink, std::uint32_t from, std::uint32_t to, const std::string& what);
// What link `from` receives as an answer to a socket of the namespace is not redirected to `to`.
void spare_answers(const Netlink& netlink, std::uint32_t from, std::uint32_t to, const std::string& name);

// Removes the qdisc and with it its filters. Succeeds when link or qdisc are gone.
void remove_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name);
// The same, if no filter but ours is in it.
void remove_own_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name);

} // namespace nacre::tcfilter
