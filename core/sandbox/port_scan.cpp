#include "sandbox/port_scan.hpp"

#include "base/error.hpp"
#include "sandbox/netns_scan.hpp"

#include <arpa/inet.h>
#include <cstring>
#include <filesystem>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <utility>

namespace nacre::sandbox {
namespace {

constexpr unsigned state_listen = 10, state_close = 7; // TCP_LISTEN, TCP_CLOSE of linux/net/tcp_states.h
constexpr std::uint16_t first_client_port = 32768;     // ip_local_port_range as the kernel has it
constexpr std::size_t most_ports = 1024;               // ports.proto, PortsFrame.List

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

struct Found {
  const inet_diag_msg* socket;
  bool ipv6_only;
};

bool is_ipv6_only(const nlmsghdr& message) {
  const auto* body = static_cast<const inet_diag_msg*>(NLMSG_DATA(&message));
  auto left = static_cast<int>(message.nlmsg_len - NLMSG_LENGTH(sizeof *body));
  for (const auto* one = reinterpret_cast<const rtattr*>(body + 1); RTA_OK(one, left);
       one = RTA_NEXT(one, left))
    if (one->rta_type == INET_DIAG_SKV6ONLY) return *static_cast<const std::uint8_t*>(RTA_DATA(one)) != 0;
  return false;
}

// Calls `visit` with each socket of the family that is in the one state of interest.
template <typename Visit> void dump(int fd, int family, bool udp, Visit visit) {
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
  request.body.idiag_states = 1u << (udp ? state_close : state_listen);
  check_errno(::send(fd, &request, sizeof request, 0), "ask who listens in a network namespace");
  alignas(nlmsghdr) static thread_local char buffer[32768];
  while (true) {
    const ssize_t got = check_errno(::recv(fd, buffer, sizeof buffer, 0), "read who listens");
    auto left = static_cast<unsigned>(got);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return;
      if (message->nlmsg_type == NLMSG_ERROR)
        throw Error::from_errno(-static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error,
                                "read who listens");
      visit(Found{static_cast<const inet_diag_msg*>(NLMSG_DATA(message)), is_ipv6_only(*message)});
    }
  }
}

bool is_for_its_link_only(const in6_addr& address) {
  return IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MULTICAST(&address);
}

// As ports.proto wants them: a socket for both families is two ports.
std::vector<agent_client::v1::Port> ports_of(const Found& found, bool udp) {
  std::vector<agent_client::v1::Port> ports;
  const auto& id = found.socket->id;
  const auto number = ntohs(id.idiag_sport);
  if (number == 0 || (udp && number >= first_client_port)) return ports;
  const auto add = [&](const void* address, std::size_t size) {
    auto& port = ports.emplace_back();
    port.set_udp(udp);
    port.set_address(address, size);
    port.set_port(number);
  };
  if (found.socket->idiag_family == AF_INET) {
    if (!IN_MULTICAST(ntohl(id.idiag_src[0]))) add(id.idiag_src, sizeof(in_addr));
    return ports;
  }
  in6_addr address;
  std::memcpy(&address, id.idiag_src, sizeof address);
  constexpr std::uint32_t any = INADDR_ANY;
  if (IN6_IS_ADDR_V4MAPPED(&address))
    add(&id.idiag_src[3], sizeof(in_addr));
  else if (!is_for_its_link_only(address))
    add(&address, sizeof address);
  if (IN6_IS_ADDR_UNSPECIFIED(&address) && !found.ipv6_only) add(&any, sizeof any);
  return ports;
}

// Inodes of the sockets that this process has.
std::map<unsigned, bool> own_sockets() {
  std::map<unsigned, bool> own;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", gone)) {
    unsigned inode = 0;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (std::sscanf(target.c_str(), "socket:[%u]", &inode) == 1) own[inode] = true;
  }
  return own;
}

} // namespace

PortScan::PortScan(int netns_fd)
    : socket_(socket_in_netns(netns_fd, AF_NETLINK, SOCK_DGRAM, NETLINK_SOCK_DIAG)) {}

bool PortScan::is_own(unsigned inode) {
  if (const auto known = own_.find(inode); known != own_.end()) return known->second;
  for (const auto& [socket, own] : own_sockets())
    own_[socket] = own;
  return own_.try_emplace(inode, false).first->second;
}

PortMap PortScan::look() {
  PortMap ports;
  std::map<unsigned, bool> seen;
  for (const bool udp : {false, true})
    for (const int family : {AF_INET, AF_INET6})
      dump(socket_.get(), family, udp, [&](const Found& found) {
        const auto inode = found.socket->idiag_inode;
        if ((seen[inode] = is_own(inode))) return;
        for (auto& port : ports_of(found, udp))
          if (ports.size() < most_ports) ports.emplace(port.SerializeAsString(), std::move(port));
      });
  own_ = std::move(seen);
  return ports;
}

} // namespace nacre::sandbox
