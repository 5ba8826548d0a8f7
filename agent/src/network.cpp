#include "network.hpp"

#include "device_path.hpp"
#include "device_wait.hpp"
#include "file.hpp"
#include "modules.hpp"
#include "netlink.hpp"
#include "timeline.hpp"

#include <cerrno>
#include <map>
#include <net/if.h>
#include <set>
#include <sys/socket.h>
#include <sys/stat.h>

namespace nacre::agent {

namespace {

using namespace netlink;

// Flags of a link that agent.proto's Interface.flags may set; the kernel keeps the others itself.
constexpr unsigned settable_flags = IFF_NOARP | IFF_MULTICAST | IFF_ALLMULTI | IFF_PROMISC;

std::string mac_of(rtnl_link* link) {
  return bytes_of(rtnl_link_get_addr(link));
}

bool is_loopback(rtnl_link* link) {
  return (rtnl_link_get_flags(link) & IFF_LOOPBACK) != 0;
}

std::string mac_text(const std::string& mac) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : mac) {
    if (!text.empty()) text += ':';
    text += digits[static_cast<unsigned char>(byte) >> 4U];
    text += digits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

Link find_by_mac(nl_sock* socket, const std::string& mac) {
  Link found;
  for_each<rtnl_link>(links(socket), [&](rtnl_link* link) {
    if (found || is_loopback(link) || mac_of(link) != mac) return;
    nl_object_get(OBJ_CAST(link));
    found.reset(link);
  });
  return found;
}

Link find_by_name(nl_sock* socket, const std::string& name) {
  rtnl_link* link = nullptr;
  return rtnl_link_get_kernel(socket, 0, name.c_str(), &link) < 0 ? Link() : Link(link);
}

// Applies what `edit` sets on an empty change object to the link.
template <typename Edit>
void change(nl_sock* socket, rtnl_link* link, const std::string& what, Edit&& edit, int tolerated = 0) {
  const Link changes(rtnl_link_alloc());
  edit(changes.get());
  check(rtnl_link_change(socket, link, changes.get(), 0), "cannot set " + what + " of",
        rtnl_link_get_name(link), tolerated);
}

// `tolerated`: NLE_NODEV for a link that may go meanwhile.
void set_up(nl_sock* socket, rtnl_link* link, bool up, int tolerated = 0) {
  change(
      socket, link, up ? "the link up" : "the link down",
      [&](rtnl_link* changes) {
        if (up) {
          rtnl_link_set_flags(changes, IFF_UP);
        } else {
          rtnl_link_unset_flags(changes, IFF_UP);
        }
      },
      tolerated);
}

bool has_ipv6() {
  struct stat info {};
  return ::stat("/proc/sys/net/ipv6", &info) == 0;
}

// The guest's link copies one of the host: addresses and routes come from there, never from autoconfiguration
// here.
void quiet_ipv6(const std::string& name) {
  if (!has_ipv6()) return;
  const auto folder = "/proc/sys/net/ipv6/conf/" + name;
  write_value(folder + "/accept_ra", "0");
  write_value(folder + "/addr_gen_mode", "1"); // IN6_ADDR_GEN_MODE_NONE
}

void rename(nl_sock* socket, rtnl_link* link, const std::string& name) {
  const auto set_name = [&](rtnl_link* which, const std::string& to, int tolerated) {
    change(
        socket, which, "the name " + quoted(to),
        [&](rtnl_link* changes) { rtnl_link_set_name(changes, to.c_str()); }, tolerated);
  };
  // A link that is in the way gets a name that nobody asks for; if it is wanted, its turn comes.
  if (const auto other = find_by_name(socket, name)) {
    set_up(socket, other.get(), false, NLE_NODEV);
    set_name(other.get(), "nacre" + std::to_string(rtnl_link_get_ifindex(other.get())), NLE_NODEV);
  }
  set_name(link, name, 0);
}

// By its place where that is known: a NIC that is on its way out may have the same MAC.
Link find_link(nl_sock* socket, const v1::Interface& wanted) {
  if (wanted.device_path().empty()) return find_by_mac(socket, wanted.mac());
  const auto name = virtio_child(wanted.device_path(), "net");
  auto link = name ? find_by_name(socket, *name) : Link();
  if (link && !wanted.assign_mac() && mac_of(link.get()) != wanted.mac())
    link.reset(); // renamed meanwhile: another one has the name
  return link;
}

// Finds the link, waiting for it if need be, and gives it name, MTU and flags.
Link configure_link(nl_sock* socket, const v1::Interface& wanted) {
  if (wanted.mac().size() != 6 || wanted.name().empty() || wanted.name().size() >= IFNAMSIZ) {
    throw Error(Code::invalid_argument,
                "interface " + quoted(wanted.name()) + " needs a name and a MAC of 6 bytes");
  }
  Link link;
  wait_for_device("network interface with MAC", mac_text(wanted.mac()), [&] {
    link = find_link(socket, wanted);
    return static_cast<bool>(link);
  });
  const auto now_flags = rtnl_link_get_flags(link.get());
  if (wanted.name() != rtnl_link_get_name(link.get())) {
    if ((now_flags & IFF_UP) != 0) set_up(socket, link.get(), false); // the kernel renames no link that is up
    rename(socket, link.get(), wanted.name());
    link = find_by_name(socket, wanted.name());
    if (!link) throw Error(Code::internal, "interface " + quoted(wanted.name()) + " went away");
  }
  if (mac_of(link.get()) != wanted.mac())
    change(socket, link.get(), "MAC " + mac_text(wanted.mac()), [&](rtnl_link* changes) {
      const RawAddress mac(nl_addr_build(AF_LLC, wanted.mac().data(), wanted.mac().size()));
      rtnl_link_set_addr(changes, mac.get());
    });
  const auto mtu = wanted.mtu() == 0 ? rtnl_link_get_mtu(link.get()) : wanted.mtu();
  if (mtu != rtnl_link_get_mtu(link.get())) {
    change(socket, link.get(), "MTU " + std::to_string(mtu),
           [&](rtnl_link* changes) { rtnl_link_set_mtu(changes, mtu); });
  }
  quiet_ipv6(wanted.name());
  change(socket, link.get(), "the flags", [&](rtnl_link* changes) {
    rtnl_link_set_flags(changes, wanted.flags() & settable_flags);
    rtnl_link_unset_flags(changes,
                          settable_flags & ~wanted.flags() & (IFF_NOARP | IFF_ALLMULTI | IFF_PROMISC));
    if (wanted.up()) {
      rtnl_link_set_flags(changes, IFF_UP);
    } else {
      rtnl_link_unset_flags(changes, IFF_UP);
    }
  });
  return link;
}

void configure_addresses(nl_sock* socket, rtnl_link* link, const v1::Interface& wanted) {
  const int index = rtnl_link_get_ifindex(link);
  std::set<std::string> keep;
  for (const auto& ip : wanted.addresses()) {
    if (ip.family() == 6 && !has_ipv6()) continue;
    const Address address(rtnl_addr_alloc());
    const auto local = raw_address(ip.family(), ip.address(), ip.prefix_length());
    rtnl_addr_set_ifindex(address.get(), index);
    rtnl_addr_set_local(address.get(), local.get());
    rtnl_addr_set_scope(address.get(), static_cast<int>(ip.scope()));
    rtnl_addr_set_flags(address.get(), ip.flags());
    if (!ip.broadcast().empty()) {
      rtnl_addr_set_broadcast(address.get(), raw_address(ip.family(), ip.broadcast(), 32).get());
    }
    keep.insert(text_of(local.get()));
    check(rtnl_addr_add(socket, address.get(), NLM_F_REPLACE), "cannot add " + text_of(local.get()) + " to",
          wanted.name(), NLE_EXIST);
  }
  for_each<rtnl_addr>(addresses(socket), [&](rtnl_addr* address) {
    if (rtnl_addr_get_ifindex(address) != index || keep.contains(text_of(rtnl_addr_get_local(address))))
      return;
    check(rtnl_addr_delete(socket, address, 0), "cannot remove an address from", wanted.name(), NLE_NOADDR);
  });
}

// Address and prefix length, the way text_of prints a network, but also for "default".
std::string network_text(nl_addr* address) {
  return bytes_of(address) + "/" + std::to_string(address == nullptr ? 0 : nl_addr_get_prefixlen(address));
}

// What makes two routes the same to the kernel.
std::string route_key(rtnl_route* route) {
  auto* hop = rtnl_route_nexthop_n(route, 0);
  auto* gateway = hop == nullptr ? nullptr : rtnl_route_nh_get_gateway(hop);
  return std::to_string(rtnl_route_get_family(route)) + " " + network_text(rtnl_route_get_dst(route)) + " " +
         std::to_string(rtnl_route_get_priority(route)) + " " +
         std::to_string(hop == nullptr ? 0 : rtnl_route_nh_get_ifindex(hop)) + " " + bytes_of(gateway);
}

constexpr unsigned default_ipv6_metric = 1024; // the kernel's, for a route that names none

Route make_route(nl_sock* socket, const v1::Route& wanted) {
  Route route(rtnl_route_alloc());
  const auto destination = raw_address(wanted.family(), wanted.destination(), wanted.destination_length());
  nl_addr_set_family(destination.get(), kernel_family(wanted.family()));
  rtnl_route_set_family(route.get(), static_cast<std::uint8_t>(kernel_family(wanted.family())));
  rtnl_route_set_table(route.get(), RT_TABLE_MAIN);
  rtnl_route_set_dst(route.get(), destination.get());
  rtnl_route_set_scope(route.get(), static_cast<std::uint8_t>(wanted.scope()));
  const unsigned type = wanted.type() == 0 ? unsigned{RTN_UNICAST} : wanted.type();
  rtnl_route_set_type(route.get(), static_cast<std::uint8_t>(type));
  rtnl_route_set_protocol(
      route.get(), static_cast<std::uint8_t>(wanted.protocol() == 0 ? RTPROT_BOOT : wanted.protocol()));
  const auto metric = wanted.metric() == 0 && wanted.family() == 6 ? default_ipv6_metric : wanted.metric();
  if (metric != 0) rtnl_route_set_priority(route.get(), metric);
  if (wanted.mtu() != 0) rtnl_route_set_metric(route.get(), RTAX_MTU, wanted.mtu());
  if (!wanted.source().empty()) {
    const auto source = raw_address(wanted.family(), wanted.source(), wanted.family() == 4 ? 32 : 128);
    rtnl_route_set_pref_src(route.get(), source.get());
  }
  if (wanted.interface().empty()) return route;
  const auto link = find_by_name(socket, wanted.interface());
  if (!link)
    throw Error(Code::not_found,
                "a route names interface " + quoted(wanted.interface()) + ", which is not in the guest");
  auto* hop = rtnl_route_nh_alloc(); // owned by the route from add_nexthop on
  rtnl_route_nh_set_ifindex(hop, rtnl_link_get_ifindex(link.get()));
  rtnl_route_nh_set_flags(hop, wanted.flags());
  if (!wanted.gateway().empty()) {
    const auto gateway = raw_address(wanted.family(), wanted.gateway(), wanted.family() == 4 ? 32 : 128);
    rtnl_route_nh_set_gateway(hop, gateway.get());
  }
  rtnl_route_add_nexthop(route.get(), hop);
  return route;
}

bool is_ours_to_remove(rtnl_route* route) {
  // Local, broadcast and prefix routes are the kernel's own consequence of addresses.
  if (rtnl_route_get_table(route) != RT_TABLE_MAIN || rtnl_route_get_protocol(route) == RTPROT_KERNEL)
    return false;
  return protocol_family(rtnl_route_get_family(route)) != 0;
}

void configure_routes(nl_sock* socket, const v1::Network& wanted) {
  std::set<std::string> keep;
  const auto add = [&](const v1::Route& one) {
    if (one.family() == 6 && !has_ipv6()) return;
    const auto route = make_route(socket, one);
    keep.insert(route_key(route.get()));
    check(rtnl_route_add(socket, route.get(), NLM_F_REPLACE), "cannot add route to",
          text_of(rtnl_route_get_dst(route.get())), NLE_EXIST);
  };
  // A gateway must be reachable when its route is added, so on-link routes come first.
  for (const auto& route : wanted.routes()) {
    if (route.gateway().empty()) add(route);
  }
  for (const auto& route : wanted.routes()) {
    if (!route.gateway().empty()) add(route);
  }
  for_each<rtnl_route>(routes(socket), [&](rtnl_route* route) {
    if (!is_ours_to_remove(route) || keep.contains(route_key(route))) return;
    check(rtnl_route_delete(socket, route, 0), "cannot remove route to", text_of(rtnl_route_get_dst(route)),
          NLE_OBJ_NOTFOUND);
  });
}

void configure_neighbours(nl_sock* socket, const v1::Network& wanted) {
  for (const auto& one : wanted.neighbors()) {
    if (one.family() == 6 && !has_ipv6()) continue;
    const auto link = find_by_name(socket, one.interface());
    if (!link)
      throw Error(Code::not_found,
                  "a neighbour names interface " + quoted(one.interface()) + ", which is not in the guest");
    const Neighbour neighbour(rtnl_neigh_alloc());
    const auto address = raw_address(one.family(), one.address(), one.family() == 4 ? 32 : 128);
    const RawAddress mac(nl_addr_build(AF_LLC, one.mac().data(), one.mac().size()));
    rtnl_neigh_set_ifindex(neighbour.get(), rtnl_link_get_ifindex(link.get()));
    rtnl_neigh_set_dst(neighbour.get(), address.get());
    rtnl_neigh_set_lladdr(neighbour.get(), mac.get());
    rtnl_neigh_set_state(neighbour.get(), static_cast<int>(one.state() == 0 ? NUD_PERMANENT : one.state()));
    check(rtnl_neigh_add(socket, neighbour.get(), NLM_F_CREATE | NLM_F_REPLACE), "cannot add neighbour",
          text_of(address.get()));
  }
}

// Links that the lists do not name any more: their device is going away; until then they carry nothing. It
// may go while we look.
void retire_other_links(nl_sock* socket, const v1::Network& wanted) {
  std::set<std::string> macs;
  std::set<std::string> names; // of those whose place is known
  for (const auto& one : wanted.interfaces()) {
    if (one.device_path().empty())
      macs.insert(one.mac());
    else if (auto name = virtio_child(one.device_path(), "net"))
      names.insert(std::move(*name));
  }
  for_each<rtnl_link>(links(socket), [&](rtnl_link* link) {
    if (is_loopback(link) || macs.contains(mac_of(link)) || names.contains(rtnl_link_get_name(link)) ||
        (rtnl_link_get_flags(link) & IFF_UP) == 0)
      return;
    set_up(socket, link, false, NLE_NODEV);
  });
}

} // namespace

void GuestNetwork::start() {
  const std::lock_guard lock(mutex_);
  const auto socket = connect();
  const auto lo = find_by_name(socket.get(), "lo");
  if (lo) set_up(socket.get(), lo.get(), true);
}

void GuestNetwork::apply(const v1::Network& wanted) {
  const auto phase = timeline_.phase("network");
  const std::lock_guard lock(mutex_);
  if (wanted.interfaces_size() > 0) modules_.need("virtio_net");
  const auto socket = connect();
  retire_other_links(socket.get(), wanted);
  for (const auto& interface : wanted.interfaces()) {
    const auto link = configure_link(socket.get(), interface);
    configure_addresses(socket.get(), link.get(), interface);
  }
  configure_routes(socket.get(), wanted);
  configure_neighbours(socket.get(), wanted);
}

void GuestNetwork::list(v1::Network& out) {
  const std::lock_guard lock(mutex_);
  const auto socket = connect();
  std::map<int, v1::Interface*> by_index;
  std::map<int, std::string> names;
  for_each<rtnl_link>(links(socket.get()), [&](rtnl_link* link) {
    names[rtnl_link_get_ifindex(link)] = rtnl_link_get_name(link);
    if (is_loopback(link)) return;
    auto* one = out.add_interfaces();
    by_index[rtnl_link_get_ifindex(link)] = one;
    one->set_name(rtnl_link_get_name(link));
    one->set_mac(mac_of(link));
    one->set_mtu(rtnl_link_get_mtu(link));
    one->set_flags(rtnl_link_get_flags(link));
    one->set_up((rtnl_link_get_flags(link) & IFF_UP) != 0);
  });
  for_each<rtnl_addr>(addresses(socket.get()), [&](rtnl_addr* address) {
    const auto owner = by_index.find(rtnl_addr_get_ifindex(address));
    if (owner == by_index.end()) return;
    auto* ip = owner->second->add_addresses();
    ip->set_family(protocol_family(rtnl_addr_get_family(address)));
    ip->set_address(bytes_of(rtnl_addr_get_local(address)));
    ip->set_prefix_length(static_cast<std::uint32_t>(rtnl_addr_get_prefixlen(address)));
    ip->set_broadcast(bytes_of(rtnl_addr_get_broadcast(address)));
    ip->set_flags(rtnl_addr_get_flags(address));
    ip->set_scope(static_cast<std::uint32_t>(rtnl_addr_get_scope(address)));
  });
  for_each<rtnl_route>(routes(socket.get()), [&](rtnl_route* route) {
    if (!is_ours_to_remove(route)) return;
    auto* one = out.add_routes();
    one->set_family(protocol_family(rtnl_route_get_family(route)));
    auto* destination = rtnl_route_get_dst(route);
    if (nl_addr_get_prefixlen(destination) > 0) one->set_destination(bytes_of(destination));
    one->set_destination_length(nl_addr_get_prefixlen(destination));
    one->set_source(bytes_of(rtnl_route_get_pref_src(route)));
    one->set_metric(rtnl_route_get_priority(route));
    one->set_scope(rtnl_route_get_scope(route));
    one->set_type(rtnl_route_get_type(route));
    one->set_protocol(rtnl_route_get_protocol(route));
    if (auto* hop = rtnl_route_nexthop_n(route, 0)) {
      one->set_gateway(bytes_of(rtnl_route_nh_get_gateway(hop)));
      one->set_interface(names[rtnl_route_nh_get_ifindex(hop)]);
      one->set_flags(rtnl_route_nh_get_flags(hop));
    }
  });
  for_each<rtnl_neigh>(neighbours(socket.get()), [&](rtnl_neigh* neighbour) {
    const auto owner = by_index.find(rtnl_neigh_get_ifindex(neighbour));
    const auto family = protocol_family(rtnl_neigh_get_family(neighbour));
    if (owner == by_index.end() || family == 0) return;
    auto* one = out.add_neighbors();
    one->set_family(family);
    one->set_address(bytes_of(rtnl_neigh_get_dst(neighbour)));
    one->set_mac(bytes_of(rtnl_neigh_get_lladdr(neighbour)));
    one->set_interface(owner->second->name());
    one->set_state(static_cast<std::uint32_t>(rtnl_neigh_get_state(neighbour)));
  });
}

void GuestNetwork::list_counters(v1::StatsContainerReply& reply) {
  const std::lock_guard lock(mutex_);
  const auto socket = connect();
  for_each<rtnl_link>(links(socket.get()), [&](rtnl_link* link) {
    if (is_loopback(link)) return;
    auto* out = reply.add_interfaces();
    out->set_name(rtnl_link_get_name(link));
    out->set_rx_bytes(rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES));
    out->set_rx_packets(rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS));
    out->set_rx_errors(rtnl_link_get_stat(link, RTNL_LINK_RX_ERRORS));
    out->set_rx_dropped(rtnl_link_get_stat(link, RTNL_LINK_RX_DROPPED));
    out->set_tx_bytes(rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES));
    out->set_tx_packets(rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS));
    out->set_tx_errors(rtnl_link_get_stat(link, RTNL_LINK_TX_ERRORS));
    out->set_tx_dropped(rtnl_link_get_stat(link, RTNL_LINK_TX_DROPPED));
  });
}

} // namespace nacre::agent
