#include "sandbox/netns_scan.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <map>
#include <memory>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>

namespace nacre::sandbox {
namespace {

struct FreeSocket {
  void operator()(nl_sock* socket) const noexcept { ::nl_socket_free(socket); }
};
using Socket = std::unique_ptr<nl_sock, FreeSocket>;

struct FreeCache {
  void operator()(nl_cache* cache) const noexcept { ::nl_cache_free(cache); }
};
using Cache = std::unique_ptr<nl_cache, FreeCache>;

void check_nl(int result, std::string_view operation) {
  if (result < 0) throw Error(ErrorCode::internal, operation).because(::nl_geterror(result));
}

Socket connect_netlink(int netns_fd) {
  UniqueFd fd = socket_in_netns(netns_fd, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  check_errno(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
              "bind netlink socket");
  Socket socket(::nl_socket_alloc());
  check_nl(::nl_socket_set_fd(socket.get(), NETLINK_ROUTE, fd.get()), "set up netlink socket");
  fd.release(); // libnl closes it
  return socket;
}

template <typename Allocate> Cache fetch(Allocate allocate, std::string_view operation) {
  nl_cache* cache = nullptr;
  check_nl(allocate(&cache), operation);
  return Cache(cache);
}

template <typename Object, typename Visit> void for_each(const Cache& cache, Visit visit) {
  for (nl_object* object = ::nl_cache_get_first(cache.get()); object != nullptr;
       object = ::nl_cache_get_next(object))
    visit(reinterpret_cast<Object*>(object));
}

std::uint32_t family_number(int family) {
  return family == AF_INET6 ? 6 : 4;
}

plugin::IpBytes ip_bytes(nl_addr* address) {
  plugin::IpBytes bytes{};
  if (address != nullptr)
    std::memcpy(bytes.data(), ::nl_addr_get_binary_addr(address),
                std::min<std::size_t>(::nl_addr_get_len(address), bytes.size()));
  return bytes;
}

plugin::Mac mac_bytes(nl_addr* address) {
  plugin::Mac mac{};
  if (address != nullptr && ::nl_addr_get_len(address) == mac.size())
    std::memcpy(mac.data(), ::nl_addr_get_binary_addr(address), mac.size());
  return mac;
}

// PCI address of a physical device ("0000:01:00.0"); sysfs shows the network namespace of its mount, not this
// one.
std::string pci_address(int control_fd, const std::string& name) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&info);
  if (::ioctl(control_fd, SIOCETHTOOL, &request) < 0) return {};
  const std::string bus(info.bus_info, ::strnlen(info.bus_info, sizeof(info.bus_info)));
  return bus.size() == 12 && bus[4] == ':' && bus[7] == ':' ? bus : std::string();
}

plugin::Link read_link(rtnl_link* link, int control_fd) {
  plugin::Link result;
  result.index = static_cast<std::uint32_t>(::rtnl_link_get_ifindex(link));
  result.name = ::rtnl_link_get_name(link);
  const char* kind = ::rtnl_link_get_type(link);
  result.kind = kind ? kind : "";
  if (result.kind.empty()) result.pci_address = pci_address(control_fd, result.name);
  result.mac = mac_bytes(::rtnl_link_get_addr(link));
  result.mtu = ::rtnl_link_get_mtu(link);
  result.flags = ::rtnl_link_get_flags(link);
  result.hardware_type = ::rtnl_link_get_arptype(link);
  return result;
}

plugin::Address read_address(rtnl_addr* address) {
  plugin::Address result;
  result.family = family_number(::rtnl_addr_get_family(address));
  result.address = ip_bytes(::rtnl_addr_get_local(address));
  result.prefix_length = static_cast<std::uint32_t>(::rtnl_addr_get_prefixlen(address));
  result.scope = static_cast<std::uint32_t>(::rtnl_addr_get_scope(address));
  result.flags = ::rtnl_addr_get_flags(address);
  return result;
}

// One leg of a route; a multipath route has several.
plugin::Route read_route(rtnl_route* route, rtnl_nexthop* leg) {
  plugin::Route result;
  result.family = family_number(::rtnl_route_get_family(route));
  nl_addr* destination = ::rtnl_route_get_dst(route);
  result.destination = ip_bytes(destination);
  result.destination_length = destination ? ::nl_addr_get_prefixlen(destination) : 0;
  if (nl_addr* gateway = ::rtnl_route_nh_get_gateway(leg)) result.gateway = ip_bytes(gateway);
  if (nl_addr* source = ::rtnl_route_get_pref_src(route)) result.source = ip_bytes(source);
  result.metric = ::rtnl_route_get_priority(route);
  result.scope = ::rtnl_route_get_scope(route);
  result.type = ::rtnl_route_get_type(route);
  result.protocol = ::rtnl_route_get_protocol(route);
  result.flags = ::rtnl_route_nh_get_flags(leg) & RTNH_F_ONLINK; // the others are states, not wishes
  return result;
}

bool is_wanted(rtnl_route* route) {
  const int family = ::rtnl_route_get_family(route);
  if (family != AF_INET && family != AF_INET6) return false;
  if (::rtnl_route_get_table(route) != RT_TABLE_MAIN) return false;
  if (::rtnl_route_get_protocol(route) == RTPROT_KERNEL)
    return false; // the guest's kernel makes them from addresses
  return (::rtnl_route_get_flags(route) & RTM_F_CLONED) == 0;
}

using Links = std::map<int, ScannedLink>;

void read_links(nl_sock* socket, int control_fd, Links& links) {
  const auto cache =
      fetch([&](nl_cache** c) { return ::rtnl_link_alloc_cache(socket, AF_UNSPEC, c); }, "list links");
  for_each<rtnl_link>(cache, [&](rtnl_link* link) {
    links[::rtnl_link_get_ifindex(link)].link = read_link(link, control_fd);
  });
}

void read_addresses(nl_sock* socket, Links& links) {
  const auto cache =
      fetch([&](nl_cache** c) { return ::rtnl_addr_alloc_cache(socket, c); }, "list addresses");
  for_each<rtnl_addr>(cache, [&](rtnl_addr* address) {
    const auto link = links.find(::rtnl_addr_get_ifindex(address));
    if (link != links.end()) link->second.link.addresses.push_back(read_address(address));
  });
}

void read_routes(nl_sock* socket, Links& links) {
  const auto cache =
      fetch([&](nl_cache** c) { return ::rtnl_route_alloc_cache(socket, AF_UNSPEC, 0, c); }, "list routes");
  for_each<rtnl_route>(cache, [&](rtnl_route* route) {
    if (!is_wanted(route)) return;
    for (int i = 0; i < ::rtnl_route_get_nnexthops(route); ++i) {
      rtnl_nexthop* leg = ::rtnl_route_nexthop_n(route, i);
      const auto link = links.find(::rtnl_route_nh_get_ifindex(leg));
      if (link != links.end()) link->second.link.routes.push_back(read_route(route, leg));
    }
  });
}

void read_neighbors(nl_sock* socket, Links& links) {
  const auto cache =
      fetch([&](nl_cache** c) { return ::rtnl_neigh_alloc_cache(socket, c); }, "list neighbours");
  for_each<rtnl_neigh>(cache, [&](rtnl_neigh* neighbor) {
    const int family = ::rtnl_neigh_get_family(neighbor);
    if ((family != AF_INET && family != AF_INET6) || (::rtnl_neigh_get_state(neighbor) & NUD_PERMANENT) == 0)
      return;
    const auto link = links.find(::rtnl_neigh_get_ifindex(neighbor));
    if (link == links.end()) return;
    link->second.neighbors.push_back({family_number(family), ip_bytes(::rtnl_neigh_get_dst(neighbor)),
                                      mac_bytes(::rtnl_neigh_get_lladdr(neighbor)),
                                      static_cast<std::uint32_t>(::rtnl_neigh_get_state(neighbor))});
  });
}

bool same(const plugin::Address& a, const plugin::Address& b) {
  return a.family == b.family && a.address == b.address && a.prefix_length == b.prefix_length &&
         a.scope == b.scope;
}

bool same(const plugin::Route& a, const plugin::Route& b) {
  return a.family == b.family && a.destination == b.destination &&
         a.destination_length == b.destination_length && a.gateway == b.gateway && a.source == b.source &&
         a.metric == b.metric && a.scope == b.scope && a.type == b.type && a.flags == b.flags;
}

bool same(const ScannedNeighbor& a, const ScannedNeighbor& b) {
  return a.family == b.family && a.address == b.address && a.mac == b.mac;
}

template <typename T> bool all_same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T& x, const T& y) { return same(x, y); });
}

} // namespace

bool ScannedLink::in_use() const {
  return (link.flags & IFF_UP) != 0 || !link.addresses.empty();
}

bool ScannedLink::operator==(const ScannedLink& other) const {
  return link.index == other.link.index && link.name == other.link.name && link.mac == other.link.mac &&
         link.mtu == other.link.mtu && ((link.flags ^ other.link.flags) & (IFF_UP | IFF_NOARP)) == 0 &&
         all_same(link.addresses, other.link.addresses) && all_same(link.routes, other.link.routes) &&
         all_same(neighbors, other.neighbors);
}

UniqueFd socket_in_netns(int netns_fd, int domain, int type, int protocol) {
  // setns(2) moves the calling thread only: a short-lived one goes there instead of ours.
  int fd = -1, error = 0;
  std::thread([&] {
    if (::setns(netns_fd, CLONE_NEWNET) == 0) fd = ::socket(domain, type | SOCK_CLOEXEC, protocol);
    error = errno;
  }).join();
  if (fd < 0) throw Error::from_errno(error, "make a socket in the pod's network namespace");
  return UniqueFd(fd);
}

std::vector<ScannedLink> scan_netns(int netns_fd) {
  const Socket socket = connect_netlink(netns_fd);
  const UniqueFd control = socket_in_netns(netns_fd, AF_INET, SOCK_DGRAM, 0);
  Links links;
  read_links(socket.get(), control.get(), links);
  read_addresses(socket.get(), links);
  read_routes(socket.get(), links);
  read_neighbors(socket.get(), links);
  std::vector<ScannedLink> result;
  for (auto& [index, link] : links)
    if ((link.link.flags & IFF_LOOPBACK) == 0) result.push_back(std::move(link));
  return result;
}

bool same_namespace(int one_fd, int other_fd) {
  struct stat one, other;
  return ::fstat(one_fd, &one) == 0 && ::fstat(other_fd, &other) == 0 && one.st_ino == other.st_ino &&
         one.st_dev == other.st_dev;
}

} // namespace nacre::sandbox
