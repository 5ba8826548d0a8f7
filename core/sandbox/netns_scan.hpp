// What a network namespace holds: links, their addresses, routes and neighbours. Read over a socket made in
// that namespace; the process itself never enters it.
#pragma once

#include "base/unique_fd.hpp"
#include "plugin/network.hpp"

#include <string>
#include <vector>

namespace nacre::sandbox {

struct ScannedNeighbor {
  std::uint32_t family = 4;
  plugin::IpBytes address{};
  plugin::Mac mac{};
  std::uint32_t state = 0; // NUD_*
};

struct ScannedLink {
  plugin::Link link;                      // with its addresses and routes
  std::vector<ScannedNeighbor> neighbors; // permanent ones

  // False for one that is down and has no address, as the idle devices that kernel modules put into every new
  // namespace (tunl0, gretap0, ...): no reason to give the guest a NIC.
  bool in_use() const;

  bool operator==(const ScannedLink& other) const;
};

// Socket of any family in the namespace `netns_fd`, close-on-exec.
UniqueFd socket_in_netns(int netns_fd, int domain, int type, int protocol);

// All links but the loopback, in the order of their indices. Routes are those of the main table that the
// kernel does not make by itself, each with the link that it leaves by; routes by no link are left out.
std::vector<ScannedLink> scan_netns(int netns_fd);

// True when both name the same namespace.
bool same_namespace(int one_fd, int other_fd);

} // namespace nacre::sandbox
