// Qdiscs on the pod's own link, which stays when the guest has gone: each is undone by what is returned, or
// by its record.
#pragma once

#include "netlink.hpp"

#include <nacre/sdk/host.hpp>
#include <nacre/sdk/links.hpp>

#include <cstdint>
#include <memory>

namespace nacre::links {

// An ingress qdisc without filters; throws NACRE_E_ALREADY_EXISTS when the link has one.
sdk::Change hold_ingress(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd,
                         const sdk::Link& link);

// Limits what the link sends; throws when it has a root qdisc that somebody chose.
sdk::Change limit_link(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd,
                       const sdk::Link& link, std::uint64_t bits_per_second);

} // namespace nacre::links
