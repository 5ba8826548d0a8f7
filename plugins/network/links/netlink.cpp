#include "netlink.hpp"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <sys/socket.h>

namespace nacre::links {
namespace {

struct FreeLink {
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
using Link = std::unique_ptr<rtnl_link, FreeLink>;

Link new_link() {
  Link link(rtnl_link_alloc());
  if (!link) throw std::bad_alloc();
  return link;
}

bool is_gone(int result) {
  return result == -NLE_NODEV || result == -NLE_OBJ_NOTFOUND;
}

std::int32_t code_of(int error) {
  switch (error) {
  case NLE_EXIST:
    return NACRE_E_ALREADY_EXISTS;
  case NLE_OBJ_NOTFOUND:
  case NLE_NODEV:
    return NACRE_E_NOT_FOUND;
  case NLE_PERM:
  case NLE_NOACCESS:
    return NACRE_E_PERMISSION;
  case NLE_NOMEM:
    return NACRE_E_EXHAUSTED;
  case NLE_INVAL:
  case NLE_RANGE:
    return NACRE_E_INVALID_ARGUMENT;
  case NLE_OPNOTSUPP:
  case NLE_PROTO_MISMATCH:
    return NACRE_E_UNSUPPORTED;
  default:
    return NACRE_E_INTERNAL;
  }
}

} // namespace

void Netlink::Free::operator()(nl_sock* socket) const {
  nl_socket_free(socket);
}

Netlink::Netlink(const sdk::Host& host, int netns_fd) {
  sdk::Fd fd = host.netns_socket(netns_fd, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK; // port 0: the kernel chooses one, and libnl reads it back
  sdk::check_errno(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
                   "bind a netlink socket");
  socket_.reset(nl_socket_alloc());
  if (!socket_) throw std::bad_alloc();
  check_netlink(nl_socket_set_fd(socket_.get(), NETLINK_ROUTE, fd.get()), "use a netlink socket");
  (void)fd.release(); // libnl's now
}

void check_netlink(int result, const std::string& text) {
  if (result < 0) throw sdk::Error(code_of(-result), text + ": " + nl_geterror(result));
}

void FreeMessage::operator()(nl_msg* message) const {
  nlmsg_free(message);
}

Message new_message(int type, int flags) {
  Message message(nlmsg_alloc_simple(type, flags));
  if (!message) throw std::bad_alloc();
  return message;
}

void send(const Netlink& netlink, Message message, const std::string& text) {
  // libnl frees what it sends, whatever comes of it.
  check_netlink(nl_send_sync(netlink.raw(), message.release()), text);
}

std::uint32_t link_index(const Netlink& netlink, const std::string& name) {
  rtnl_link* found = nullptr;
  const int result = rtnl_link_get_kernel(netlink.raw(), 0, name.c_str(), &found);
  if (is_gone(result)) return 0;
  check_netlink(result, "look for link \"" + name + "\"");
  const Link link(found);
  return static_cast<std::uint32_t>(rtnl_link_get_ifindex(link.get()));
}

LinkCounters link_counters(const Netlink& netlink, std::uint32_t index) {
  rtnl_link* found = nullptr;
  check_netlink(rtnl_link_get_kernel(netlink.raw(), static_cast<int>(index), nullptr, &found),
                "read the counters of link " + std::to_string(index));
  const Link link(found);
  const auto get = [&](rtnl_link_stat_id_t id) { return rtnl_link_get_stat(link.get(), id); };
  return {get(RTNL_LINK_RX_BYTES),   get(RTNL_LINK_RX_PACKETS), get(RTNL_LINK_RX_ERRORS),
          get(RTNL_LINK_RX_DROPPED), get(RTNL_LINK_TX_BYTES),   get(RTNL_LINK_TX_PACKETS),
          get(RTNL_LINK_TX_ERRORS),  get(RTNL_LINK_TX_DROPPED)};
}

void bring_up(const Netlink& netlink, std::uint32_t index, std::uint32_t mtu) {
  const std::string what = "set up link " + std::to_string(index) + " with MTU " + std::to_string(mtu);
  const Link link = new_link(), changes = new_link();
  rtnl_link_set_ifindex(link.get(), static_cast<int>(index));
  if (mtu != 0) rtnl_link_set_mtu(changes.get(), mtu);
  // A kernel without IPv6 refuses the attribute, and gives no addresses either.
  const Link no_addresses = new_link();
  rtnl_link_inet6_set_addr_gen_mode(no_addresses.get(), IN6_ADDR_GEN_MODE_NONE);
  // A call of its own: in one message the kernel would set the link up first.
  rtnl_link_change(netlink.raw(), link.get(), no_addresses.get(), 0);
  rtnl_link_set_flags(changes.get(), IFF_UP);
  check_netlink(rtnl_link_change(netlink.raw(), link.get(), changes.get(), 0), what);
}

void hear_all_groups(const Netlink& netlink, std::uint32_t index) {
  const Link link = new_link(), changes = new_link();
  rtnl_link_set_ifindex(link.get(), static_cast<int>(index));
  rtnl_link_set_flags(changes.get(), IFF_ALLMULTI);
  check_netlink(rtnl_link_change(netlink.raw(), link.get(), changes.get(), 0),
                "let link " + std::to_string(index) + " hear all groups");
}

void set_down(const Netlink& netlink, std::uint32_t index) {
  const Link link = new_link(), changes = new_link();
  rtnl_link_set_ifindex(link.get(), static_cast<int>(index));
  rtnl_link_unset_flags(changes.get(), IFF_UP);
  const int result = rtnl_link_change(netlink.raw(), link.get(), changes.get(), 0);
  if (!is_gone(result)) check_netlink(result, "set down link " + std::to_string(index));
}

void delete_link(const Netlink& netlink, std::uint32_t index, const std::string& name) {
  const Link link = new_link();
  rtnl_link_set_ifindex(link.get(), static_cast<int>(index));
  const int result = rtnl_link_delete(netlink.raw(), link.get());
  if (!is_gone(result)) check_netlink(result, "delete link \"" + name + "\"");
}

} // namespace nacre::links
