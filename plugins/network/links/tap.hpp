// A tap in the pod's network namespace, whose descriptors go to the hypervisor: it goes with the last of
// them.
#pragma once

#include "netlink.hpp"

#include <nacre/sdk/network.hpp>

#include <memory>
#include <string>
#include <vector>

namespace nacre::links {

// One of /dev/vhost-net for each queue; none where it cannot be used: the hypervisor does the work itself
// then.
std::vector<sdk::Fd> open_vhost(std::uint32_t queues);

// The NIC that a request asks for, at the host's end by these descriptors of a tap or macvtap.
sdk::Device tap_device(const sdk::EndpointRequest& request, std::vector<sdk::Fd> fds,
                       const std::string& name);

// From the guest's side of a link: what the link sends the guest receives.
nacre_endpoint_stats stats_beyond(const LinkCounters& counters);

class Tap {
public:
  // `mtu`: 0 for the kernel's default.
  Tap(const sdk::Host& host, const Netlink& netlink, const sdk::EndpointRequest& request, std::uint32_t mtu);

  const std::string& name() const { return name_; }
  std::uint32_t index() const { return index_; }
  sdk::Device device() { return std::move(device_); } // once

private:
  std::string name_;
  sdk::Device device_;
  std::uint32_t index_ = 0;
};

} // namespace nacre::links
