#include "bridge.hpp"

#include "links/bpf_assembler.hpp"
#include "links/bpf_program.hpp"
#include "links/traffic_control.hpp"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

namespace nacre::veth {
namespace {

using links::check_netlink;

links::Message change_of(std::uint32_t index) {
  auto message = links::new_message(RTM_NEWLINK, 0);
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = static_cast<int>(index);
  check_netlink(nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO), "describe a link");
  return message;
}

// A port that learns nothing sends what it gets to the other port, whoever the sender was seen to be.
links::Message no_learning(std::uint32_t port) {
  auto message = change_of(port);
  const std::string what = "describe a bridge's port";
  auto* info = nla_nest_start(message.get(), IFLA_LINKINFO);
  if (!info) throw std::bad_alloc();
  check_netlink(nla_put_string(message.get(), IFLA_INFO_SLAVE_KIND, "bridge"), what);
  auto* data = nla_nest_start(message.get(), IFLA_INFO_SLAVE_DATA);
  if (!data) throw std::bad_alloc();
  check_netlink(nla_put_u8(message.get(), IFLA_BRPORT_LEARNING, 0), what);
  nla_nest_end(message.get(), data);
  nla_nest_end(message.get(), info);
  return message;
}

// The bridge takes a frame to a port's own MAC for one to this host. The guest has the MAC of the link, so
// the bridge must forget that the link has it too.
links::Message forget_address(std::uint32_t port, const sdk::Mac& mac) {
  auto message = links::new_message(RTM_DELNEIGH, 0);
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = static_cast<int>(port);
  header.ndm_flags = NTF_MASTER;
  const std::string what = "describe an address of a bridge";
  check_netlink(nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO), what);
  check_netlink(nla_put(message.get(), NDA_LLADDR, mac.size(), mac.data()), what);
  return message;
}

// What the bridge takes for this host's as well, such as broadcasts, must not reach the namespace's stack: it
// has the guest's addresses, and would answer in the guest's place.
void deafen(const links::Netlink& netlink, std::uint32_t index, const std::string& name) {
  links::BpfAssembler drop_all;
  drop_all.set(0, TC_ACT_SHOT);
  drop_all.leave();
  const auto program =
      links::load_program(drop_all.code(), "load the filter that keeps the namespace silent");
  links::add_ingress_qdisc(netlink, index, name);
  links::attach_program(netlink, program.get(), "nacre: the namespace hears nothing", index,
                        links::filter_priority, name);
}

} // namespace

Bridge::Bridge(const sdk::Host& host, std::shared_ptr<links::Netlink> netlink, int netns_fd, std::string name)
    : netlink_(std::move(netlink)),
      // Who snoops on multicast groups keeps frames from those that it did not hear joining. The spanning
      // tree protocol, which delays every port, is off unless asked for.
      link_(host, netlink_, netns_fd,
            {.name = std::move(name), .kind = "bridge", .attributes = {{IFLA_BR_MCAST_SNOOPING, {0}}}}) {
  deafen(*netlink_, link_.index(), link_.name());
}

void Bridge::add_port(std::uint32_t index, const std::string& name, const sdk::Mac* mac) const {
  auto joining = change_of(index);
  check_netlink(nla_put_u32(joining.get(), IFLA_MASTER, link_.index()), "describe a bridge's port");
  links::send(*netlink_, std::move(joining),
              "make link \"" + name + "\" a port of bridge \"" + link_.name() + "\"");
  links::send(*netlink_, no_learning(index),
              "set up port \"" + name + "\" of bridge \"" + link_.name() + "\"");
  if (mac != nullptr)
    links::send(*netlink_, forget_address(index, *mac),
                "free the MAC of link \"" + name + "\" in bridge \"" + link_.name() + "\"");
}

void Bridge::open() const {
  links::bring_up(*netlink_, link_.index(), 0);
}

} // namespace nacre::veth
