#include "sandbox/netns_watch.hpp"

#include "base/error.hpp"
#include "sandbox/netns_scan.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace nacre::sandbox {
namespace {

constexpr int groups[] = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                          RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_NEIGH};

void check_nl(int result, std::string_view operation) {
  if (result < 0) throw Error(ErrorCode::internal, operation).because(::nl_geterror(result));
}

// Neighbours that the kernel has learnt come and go all the time and are none of the guest's.
bool is_of_interest(const nlmsghdr& header) {
  if (header.nlmsg_type != RTM_NEWNEIGH) return true;
  const auto* neighbor = static_cast<const ndmsg*>(::nlmsg_data(&header));
  return ::nlmsg_valid_hdr(&header, sizeof *neighbor) == 0 || (neighbor->ndm_state & NUD_PERMANENT) != 0;
}

int note(nl_msg* message, void* seen) {
  if (is_of_interest(*::nlmsg_hdr(message))) *static_cast<bool*>(seen) = true;
  return NL_OK;
}

} // namespace

void NetnsWatch::FreeSocket::operator()(nl_sock* socket) const noexcept {
  ::nl_socket_free(socket);
}

NetnsWatch::NetnsWatch(int netns_fd, agent_client::IoLoop& loop, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)), socket_(::nl_socket_alloc()) {
  if (!socket_) throw Error(ErrorCode::resource_exhausted, "make a netlink socket");
  UniqueFd fd = socket_in_netns(netns_fd, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE);
  sockaddr_nl address{}; // without a port of its own a socket gets no notices
  address.nl_family = AF_NETLINK;
  check_errno(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
              "bind netlink socket");
  for (const int group : groups)
    check_errno(::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group),
                "watch the pod's network namespace");
  check_nl(::nl_socket_set_fd(socket_.get(), NETLINK_ROUTE, fd.get()), "set up netlink socket");
  fd.release();                                 // libnl closes it
  ::nl_socket_disable_seq_check(socket_.get()); // notices are no answers
  check_nl(::nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_CUSTOM, note, &seen_),
           "set up netlink socket");
}

NetnsWatch::~NetnsWatch() {
  loop_.run([this] { loop_.remove(watch_); });
}

void NetnsWatch::arm() {
  loop_.run([this] {
    if (watch_ == 0)
      watch_ = loop_.add(::nl_socket_get_fd(socket_.get()), EPOLLIN, [this](std::uint32_t) { readable(); });
  });
}

void NetnsWatch::readable() {
  seen_ = false;
  int result;
  do
    result = ::nl_recvmsgs_default(socket_.get());
  while (result >= 0);
  // ENOBUFS: notices were dropped. Any other failure would come again at once, for ever.
  const bool dropped = result == -NLE_NOMEM;
  if (result != -NLE_AGAIN && !dropped) {
    loop_.remove(watch_);
    watch_ = 0;
  }
  if (seen_ || result != -NLE_AGAIN) changed_();
}

} // namespace nacre::sandbox
