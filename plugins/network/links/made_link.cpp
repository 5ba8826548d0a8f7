#include "made_link.hpp"

#include "link_change.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/random.h>
#include <sys/socket.h>

namespace nacre::links {
namespace {

constexpr std::uint32_t highest_number = 999999; // names have 15 characters at most

// A number that no other link has or gets, so that an undo record, which is written before the link is made,
// names this link and no later one of the same name. The kernel's own numbers begin at 1.
std::uint32_t chosen_index() {
  std::uint32_t random = 0;
  sdk::check_errno(::getrandom(&random, sizeof random, 0), "choose a number for a link");
  return (1u << 29) + (random >> 3);
}

Message making(const LinkPlan& plan, std::uint32_t index) {
  Message message = new_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = static_cast<int>(index);
  const std::string what = "describe a link";
  check_netlink(nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO), what);
  check_netlink(nla_put_string(message.get(), IFLA_IFNAME, plan.name.c_str()), what);
  if (plan.below != 0) check_netlink(nla_put_u32(message.get(), IFLA_LINK, plan.below), what);
  auto* info = nla_nest_start(message.get(), IFLA_LINKINFO);
  if (!info) throw std::bad_alloc();
  check_netlink(nla_put_string(message.get(), IFLA_INFO_KIND, plan.kind.c_str()), what);
  auto* data = nla_nest_start(message.get(), IFLA_INFO_DATA);
  if (!data) throw std::bad_alloc();
  for (const auto& [type, bytes] : plan.attributes)
    check_netlink(nla_put(message.get(), type, static_cast<int>(bytes.size()), bytes.data()), what);
  nla_nest_end(message.get(), data);
  nla_nest_end(message.get(), info);
  return message;
}

} // namespace

std::string own_name(const std::string& prefix, std::uint32_t number) {
  if (number > highest_number)
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                     "there is no name for " + prefix + " " + std::to_string(number));
  return prefix + std::to_string(number) + "_nacre";
}

void refuse_taken(const Netlink& netlink, const std::string& name) {
  if (link_index(netlink, name) != 0)
    throw sdk::Error(NACRE_E_ALREADY_EXISTS, "the network namespace has a link \"" + name +
                                                 "\" already; remove it (ip link delete " + name + ")");
}

MadeLink::MadeLink(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd,
                   const LinkPlan& plan)
    : name_(plan.name), index_(chosen_index()) {
  refuse_taken(*netlink, name_);
  change_ = host.change(LinkChange::of(LinkChange::What::made_link, netns_fd, name_, index_).text(),
                        [netlink, index = index_, name = name_] { delete_link(*netlink, index, name); });
  send(*netlink, making(plan, index_), "make link \"" + name_ + "\" of kind \"" + plan.kind + "\"");
}

void MadeLink::remove() {
  change_.undo();
}

} // namespace nacre::links
