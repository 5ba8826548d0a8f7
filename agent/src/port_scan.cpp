#include "port_scan.hpp"

#include "error.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

constexpr unsigned state_listen = 10, state_close = 7; // linux/net/tcp_states.h
constexpr std::uint16_t first_client_port = 32768;     // ip_local_port_range as the kernel has it
constexpr std::size_t most_ports = 1024;               // ports.proto, PortsFrame.List

bool is_ipv6_only(const nlmsghdr* message, const inet_diag_msg* body) {
  auto left = static_cast<int>(message->nlmsg_len - NLMSG_LENGTH(sizeof *body));
  const auto* one = reinterpret_cast<const rtattr*>(body + 1);
  while (RTA_OK(one, left)) {
    if (one->rta_type == INET_DIAG_SKV6ONLY) return *static_cast<const std::uint8_t*>(RTA_DATA(one)) != 0;
    one = RTA_NEXT(one, left);
  }
  return false;
}

void add(PortMap& ports, bool udp, std::string address, std::uint16_t number) {
  v1::Port port;
  port.set_udp(udp);
  port.set_address(std::move(address));
  port.set_port(number);
  if (ports.size() < most_ports) ports.emplace(port.SerializeAsString(), port);
}

// A socket for both families is two ports.
void add_all(PortMap& ports, const nlmsghdr* message, const inet_diag_msg* socket, bool udp) {
  const auto number = ntohs(socket->id.idiag_sport);
  if (number == 0 || (udp && number >= first_client_port)) return;
  const auto* source = reinterpret_cast<const char*>(socket->id.idiag_src);
  if (socket->idiag_family == AF_INET) {
    if (!IN_MULTICAST(ntohl(socket->id.idiag_src[0]))) add(ports, udp, {source, sizeof(in_addr)}, number);
    return;
  }
  in6_addr address;
  std::memcpy(&address, source, sizeof address);
  if (IN6_IS_ADDR_V4MAPPED(&address)) return add(ports, udp, {source + 12, sizeof(in_addr)}, number);
  if (IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MULTICAST(&address)) return;
  add(ports, udp, {source, sizeof address}, number);
  if (IN6_IS_ADDR_UNSPECIFIED(&address) && !is_ipv6_only(message, socket))
    add(ports, udp, std::string(sizeof(in_addr), '\0'), number);
}

std::set<unsigned> own_inodes() {
  std::set<unsigned> inodes;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    char target[64] = "";
    unsigned inode = 0;
    if (::readlinkat(::dirfd(folder.get()), entry->d_name, target, sizeof target - 1) > 0 &&
        std::sscanf(target, "socket:[%u]", &inode) == 1)
      inodes.insert(inode);
  }
  return inodes;
}

} // namespace

bool PortScan::is_own(unsigned inode) {
  if (const auto known = known_.find(inode); known != known_.end()) return known->second;
  return own_inodes().contains(inode);
}

void PortScan::dump(int family, bool udp, PortMap& ports) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
  request.body.idiag_states = 1U << (udp ? state_close : state_listen);
  if (::send(socket_.get(), &request, sizeof request, 0) < 0)
    throw system_error("cannot ask who listens in", "the guest");
  alignas(nlmsghdr) char buffer[16384];
  while (true) {
    const auto got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got < 0) throw system_error("cannot read who listens in", "the guest");
    auto left = static_cast<unsigned>(got);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return;
      if (message->nlmsg_type == NLMSG_ERROR) { // a kernel without the protocol's part
        errno = -static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error;
        throw system_error("cannot read who listens in", "the guest");
      }
      const auto* socket = static_cast<const inet_diag_msg*>(NLMSG_DATA(message));
      const bool own = is_own(socket->idiag_inode);
      seen_[socket->idiag_inode] = own;
      if (!own) add_all(ports, message, socket, udp);
    }
  }
}

PortMap PortScan::look() {
  if (!socket_) {
    socket_.reset(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!socket_) throw system_error("cannot make a socket for", "sock_diag");
  }
  PortMap ports;
  seen_.clear();
  try {
    for (const bool udp : {false, true})
      for (const int family : {AF_INET, AF_INET6})
        dump(family, udp, ports);
  } catch (...) {
    socket_.reset(); // what is left of an answer must not be the next one's
    throw;
  }
  known_.swap(seen_);
  return ports;
}

} // namespace nacre::agent
