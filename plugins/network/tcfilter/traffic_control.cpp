#include "traffic_control.hpp"

#include "socket_filter.hpp"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/tc_act/tc_mirred.h>
#include <memory>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>

namespace nacre::tcfilter {
namespace {

// By its priority a filter is known as ours in a later process.
constexpr std::uint16_t our_priority = 0x6e61, before_ours = our_priority - 1;
constexpr std::uint32_t ingress_handle = TC_H_MAKE(0xffff0000u, 0);

struct FreeQdisc {
  void operator()(rtnl_qdisc* qdisc) const { rtnl_qdisc_put(qdisc); }
};
struct FreeFilter {
  void operator()(rtnl_cls* filter) const { rtnl_cls_put(filter); }
};
struct FreeAction {
  void operator()(rtnl_act* action) const { rtnl_act_put(action); }
};
struct FreeCache {
  void operator()(nl_cache* cache) const { nl_cache_free(cache); }
};
using Cache = std::unique_ptr<nl_cache, FreeCache>;

std::unique_ptr<rtnl_qdisc, FreeQdisc> ingress_qdisc(std::uint32_t index) {
  std::unique_ptr<rtnl_qdisc, FreeQdisc> qdisc(rtnl_qdisc_alloc());
  if (!qdisc) throw std::bad_alloc();
  rtnl_tc_set_ifindex(TC_CAST(qdisc.get()), static_cast<int>(index));
  rtnl_tc_set_parent(TC_CAST(qdisc.get()), TC_H_INGRESS);
  rtnl_tc_set_handle(TC_CAST(qdisc.get()), ingress_handle);
  check_netlink(rtnl_tc_set_kind(TC_CAST(qdisc.get()), "ingress"), "describe an ingress qdisc");
  return qdisc;
}

std::unique_ptr<rtnl_act, FreeAction> send_out_by(std::uint32_t index) {
  std::unique_ptr<rtnl_act, FreeAction> action(rtnl_act_alloc());
  if (!action) throw std::bad_alloc();
  check_netlink(rtnl_tc_set_kind(TC_CAST(action.get()), "mirred"), "describe a redirection");
  rtnl_mirred_set_action(action.get(), TCA_EGRESS_REDIR);
  rtnl_mirred_set_policy(action.get(), TC_ACT_STOLEN);
  rtnl_mirred_set_ifindex(action.get(), index);
  return action;
}

// True when the qdisc has filters and none of them is ours.
bool is_of_somebody_else(const Netlink& netlink, std::uint32_t index) {
  nl_cache* raw = nullptr;
  check_netlink(rtnl_cls_alloc_cache(netlink.raw(), static_cast<int>(index), ingress_handle, &raw),
                "list the filters of link " + std::to_string(index));
  const Cache cache(raw);
  bool others = false;
  for (auto* object = nl_cache_get_first(raw); object != nullptr; object = nl_cache_get_next(object)) {
    if (rtnl_cls_get_prio(reinterpret_cast<rtnl_cls*>(object)) == our_priority) return false;
    others = true;
  }
  return others;
}

} // namespace

bool has_ingress_qdisc(const Netlink& netlink, std::uint32_t index) {
  nl_cache* raw = nullptr;
  check_netlink(rtnl_qdisc_alloc_cache(netlink.raw(), &raw), "list qdiscs");
  const Cache cache(raw);
  for (auto* object = nl_cache_get_first(raw); object != nullptr; object = nl_cache_get_next(object)) {
    auto* tc = reinterpret_cast<rtnl_tc*>(object);
    // clsact sits in the same place under another name
    if (rtnl_tc_get_ifindex(tc) == static_cast<int>(index) && rtnl_tc_get_parent(tc) == TC_H_INGRESS)
      return true;
  }
  return false;
}

void add_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name) {
  check_netlink(rtnl_qdisc_add(netlink.raw(), ingress_qdisc(index).get(), NLM_F_CREATE | NLM_F_EXCL),
                "add an ingress qdisc to link \"" + name + "\"");
}

void redirect(const Netlink& netlink, std::uint32_t from, std::uint32_t to, const std::string& what) {
  const std::unique_ptr<rtnl_cls, FreeFilter> filter(rtnl_cls_alloc());
  if (!filter) throw std::bad_alloc();
  rtnl_tc_set_ifindex(TC_CAST(filter.get()), static_cast<int>(from));
  rtnl_tc_set_parent(TC_CAST(filter.get()), ingress_handle);
  check_netlink(rtnl_tc_set_kind(TC_CAST(filter.get()), "u32"), "describe a filter");
  rtnl_cls_set_prio(filter.get(), our_priority);
  rtnl_cls_set_protocol(filter.get(), ETH_P_ALL);
  // One key with an empty mask matches every packet.
  check_netlink(rtnl_u32_add_key_uint8(filter.get(), 0, 0, 0, 0), "describe a filter");
  check_netlink(rtnl_u32_set_cls_terminal(filter.get()), "describe a filter");
  // The filter takes a reference of its own.
  const auto action = send_out_by(to);
  check_netlink(rtnl_u32_add_action(filter.get(), action.get()), "describe a filter");
  check_netlink(rtnl_cls_add(netlink.raw(), filter.get(), NLM_F_CREATE | NLM_F_EXCL), "redirect " + what);
}

void spare_answers(const Netlink& netlink, std::uint32_t from, std::uint32_t to, const std::string& name) {
  const auto program = load_socket_filter(to);
  attach_socket_filter(netlink, program.get(), from, before_ours, name); // which keeps the program
}

void remove_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name) {
  const int result = rtnl_qdisc_delete(netlink.raw(), ingress_qdisc(index).get());
  // Without such a qdisc the kernel says EINVAL or ENOENT, without the link ENODEV.
  if (result == -NLE_OBJ_NOTFOUND || result == -NLE_NODEV || result == -NLE_INVAL) return;
  check_netlink(result, "remove the ingress qdisc of link \"" + name + "\"");
}

void remove_own_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name) {
  if (!has_ingress_qdisc(netlink, index) || is_of_somebody_else(netlink, index)) return;
  remove_ingress_qdisc(netlink, index, name);
}

} // namespace nacre::tcfilter
