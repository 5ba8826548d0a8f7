// A route netlink socket of libnl over a descriptor that the host made in another network namespace.
#pragma once

#include <nacre/sdk/fd.hpp>
#include <nacre/sdk/host.hpp>

#include <memory>
#include <string>

struct nl_msg;
struct nl_sock;
struct rtnl_link;

namespace nacre::links {

class Netlink {
public:
  Netlink(const sdk::Host& host, int netns_fd);

  nl_sock* raw() const { return socket_.get(); }

private:
  struct Free {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Free> socket_;
};

// Throws what libnl's negative `result` means; `text` is what failed and on what.
void check_netlink(int result, const std::string& text);

// For what libnl has no words for.
struct FreeMessage {
  void operator()(nl_msg* message) const;
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;
Message new_message(int type, int flags);
// Sends it and waits until the kernel has done it; throws as check_netlink() does.
void send(const Netlink& netlink, Message message, const std::string& text);

struct LinkCounters {
  std::uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
  std::uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

// 0: there is none.
std::uint32_t link_index(const Netlink& netlink, const std::string& name);
// NACRE_E_NOT_FOUND when the link is gone.
LinkCounters link_counters(const Netlink& netlink, std::uint32_t index);
// Sets the MTU (0: leaves it), keeps the kernel from giving the link IPv6 addresses of its own, and sets it
// up.
void bring_up(const Netlink& netlink, std::uint32_t index, std::uint32_t mtu);
// The link gets the frames of every multicast group.
void hear_all_groups(const Netlink& netlink, std::uint32_t index);
// Succeeds when the link is gone.
void set_down(const Netlink& netlink, std::uint32_t index);
void delete_link(const Netlink& netlink, std::uint32_t index, const std::string& name);

} // namespace nacre::links
