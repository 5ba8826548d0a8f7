#include "tap_endpoint.hpp"

#include "namespace_record.hpp"
#include "traffic_control.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>

namespace nacre::tcfilter {
namespace {

constexpr std::string_view tap_prefix = "tap", tap_suffix = "_nacre";
constexpr std::uint32_t highest_tap_number = 999999; // names have 15 characters at most
// What virtio-net can tell a guest, and a tap can have (drivers/net/tun.c: 65535 less the Ethernet header).
constexpr std::uint32_t smallest_mtu = 68, largest_mtu = 65520;

std::vector<sdk::Fd> open_vhost(std::uint32_t queues) {
  std::vector<sdk::Fd> fds;
  for (std::uint32_t i = 0; i < queues; ++i) {
    sdk::Fd fd(::open("/dev/vhost-net", O_RDWR | O_CLOEXEC));
    if (!fd) return {}; // the hypervisor does the work itself then
    fds.push_back(std::move(fd));
  }
  return fds;
}

std::uint32_t checked_mtu(std::uint32_t mtu, const std::string& whose) {
  if (mtu != 0 && (mtu < smallest_mtu || mtu > largest_mtu))
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT, "MTU " + std::to_string(mtu) + " of " + whose +
                                                   " is not between 68 and 65520, which a tap can have");
  return mtu;
}

} // namespace

std::string tap_name(std::uint32_t index) {
  if (index > highest_tap_number)
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT, "there is no name for tap " + std::to_string(index));
  return std::string(tap_prefix) + std::to_string(index) + std::string(tap_suffix);
}

bool is_tap_name(const std::string& name) {
  if (!name.starts_with(tap_prefix) || !name.ends_with(tap_suffix)) return false;
  const auto digits =
      std::string_view(name).substr(tap_prefix.size(), name.size() - tap_prefix.size() - tap_suffix.size());
  return !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
}

TapEndpoint::TapEndpoint(sdk::Host host, const sdk::EndpointRequest& request)
    : host_(host), tap_(tap_name(request.index)) {
  const auto mtu = checked_mtu(request.mtu, "NIC \"" + request.id + "\"");
  std::uint32_t flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (request.queues > 1) flags |= IFF_MULTI_QUEUE;
  device_.host.kind = NACRE_END_FDS;
  device_.host.fds = host.tap_open(request.netns_fd, tap_, flags, request.queues);
  device_.host.ifname = tap_;
  if (request.vhost) device_.host.vhost_fds = open_vhost(request.queues);
  device_.guest.kind = NACRE_DEVICE_NET;
  device_.guest.id = request.id;
  device_.guest.mac = request.mac;
  device_.guest.mtu = mtu;
  device_.guest.queues = request.queues;

  netlink_ = std::make_shared<Netlink>(host, request.netns_fd);
  tap_index_ = link_index(*netlink_, tap_);
  bring_up(*netlink_, tap_index_, mtu);
}

sdk::Device TapEndpoint::device() {
  return std::move(device_);
}

sdk::Binding TapEndpoint::bind(const sdk::Call& call, const sdk::Link& link, int netns_fd) {
  call.check();
  if (change_) throw sdk::Error(NACRE_E_PRECONDITION, "\"" + tap_ + "\" is bound to a link already");
  if (link.hardware_type != ARPHRD_ETHER)
    throw sdk::Error(NACRE_E_UNSUPPORTED,
                     "link \"" + link.name + "\" carries no Ethernet frames; take it out of the pod");
  const auto mtu = checked_mtu(link.mtu, "link \"" + link.name + "\"");
  if (has_ingress_qdisc(*netlink_, link.index))
    throw sdk::Error(NACRE_E_PRECONDITION,
                     "link \"" + link.name +
                         "\" has an ingress qdisc already, which redirecting its traffic would break; "
                         "remove it (tc qdisc del dev " +
                         link.name + " ingress), or use another network plugin");
  bring_up(*netlink_, tap_index_, mtu);
  change_ = host_.change(QdiscRecord::of(netns_fd, link.name, link.index).text(),
                         [netlink = netlink_, index = link.index, name = link.name] {
                           remove_ingress_qdisc(*netlink, index, name);
                         });
  try {
    add_ingress_qdisc(*netlink_, link.index, link.name);
  } catch (const sdk::Error& failure) {
    if (failure.code() == NACRE_E_ALREADY_EXISTS)
      change_.forget(); // it came meanwhile, and is not ours to remove
    else
      change_.undo();
    throw;
  }
  try {
    add_ingress_qdisc(*netlink_, tap_index_, tap_);
    spare_answers_of(link);
    redirect(*netlink_, link.index, tap_index_, "the traffic of \"" + link.name + "\" to \"" + tap_ + "\"");
    redirect(*netlink_, tap_index_, link.index, "the traffic of \"" + tap_ + "\" to \"" + link.name + "\"");
  } catch (...) {
    unbind(call);
    throw;
  }
  sdk::Binding binding;
  binding.mac = link.mac;
  binding.mtu = mtu;
  return binding;
}

void TapEndpoint::spare_answers_of(const sdk::Link& link) {
  try {
    spare_answers(*netlink_, link.index, tap_index_, link.name);
  } catch (const sdk::Error& failure) {
    host_.warning(
        "sockets of the network namespace itself get no answers by link \"" + link.name +
        "\" while the guest has it (of them is Docker's resolver when it asks for outside names): " +
        failure.what());
  }
}

void TapEndpoint::unbind(const sdk::Call&) {
  if (!change_) return;
  remove_ingress_qdisc(*netlink_, tap_index_,
                       tap_); // first: nothing of the guest leaves by the link any more
  change_.undo();
}

// What the guest receives is what the tap sends.
nacre_endpoint_stats TapEndpoint::stats() {
  const auto tap = link_counters(*netlink_, tap_index_);
  nacre_endpoint_stats stats{};
  stats.struct_size = sizeof stats;
  stats.rx_bytes = tap.tx_bytes;
  stats.rx_packets = tap.tx_packets;
  stats.rx_errors = tap.tx_errors;
  stats.rx_dropped = tap.tx_dropped;
  stats.tx_bytes = tap.rx_bytes;
  stats.tx_packets = tap.rx_packets;
  stats.tx_errors = tap.rx_errors;
  stats.tx_dropped = tap.rx_dropped;
  return stats;
}

void undo(const sdk::Host& host, std::string_view text) {
  const auto record = QdiscRecord::parse(text);
  const auto netns = find_netns(record);
  if (!netns) return;
  const Netlink netlink(host, netns->get());
  // By name and number: a link of that name that came later is another one.
  if (link_index(netlink, record.link) != record.index) return;
  remove_own_ingress_qdisc(netlink, record.index, record.link);
}

} // namespace nacre::tcfilter
