#include "tap.hpp"

#include "made_link.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>

namespace nacre::links {

std::vector<sdk::Fd> open_vhost(std::uint32_t queues) {
  std::vector<sdk::Fd> fds;
  for (std::uint32_t i = 0; i < queues; ++i) {
    sdk::Fd fd(::open("/dev/vhost-net", O_RDWR | O_CLOEXEC));
    if (!fd) return {};
    fds.push_back(std::move(fd));
  }
  return fds;
}

sdk::Device tap_device(const sdk::EndpointRequest& request, std::vector<sdk::Fd> fds,
                       const std::string& name) {
  sdk::Device device;
  device.host.kind = NACRE_END_FDS;
  device.host.fds = std::move(fds);
  device.host.ifname = name;
  if (request.vhost) device.host.vhost_fds = open_vhost(request.queues);
  device.guest.kind = NACRE_DEVICE_NET;
  device.guest.id = request.id;
  device.guest.mac = request.mac;
  device.guest.mtu = request.mtu;
  device.guest.queues = request.queues;
  return device;
}

nacre_endpoint_stats stats_beyond(const LinkCounters& counters) {
  nacre_endpoint_stats stats{};
  stats.struct_size = sizeof stats;
  stats.rx_bytes = counters.tx_bytes;
  stats.rx_packets = counters.tx_packets;
  stats.rx_errors = counters.tx_errors;
  stats.rx_dropped = counters.tx_dropped;
  stats.tx_bytes = counters.rx_bytes;
  stats.tx_packets = counters.rx_packets;
  stats.tx_errors = counters.rx_errors;
  stats.tx_dropped = counters.rx_dropped;
  return stats;
}

Tap::Tap(const sdk::Host& host, const Netlink& netlink, const sdk::EndpointRequest& request,
         std::uint32_t mtu)
    : name_(own_name("tap", request.index)) {
  // A tap of that name which outlives its descriptors would be opened as if it were ours.
  refuse_taken(netlink, name_);
  std::uint32_t flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (request.queues > 1) flags |= IFF_MULTI_QUEUE;
  device_ = tap_device(request, host.tap_open(request.netns_fd, name_, flags, request.queues), name_);
  index_ = link_index(netlink, name_);
  bring_up(netlink, index_, mtu);
}

} // namespace nacre::links
