#include "traffic_control.hpp"

#include <algorithm>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/tc_act/tc_mirred.h>
#include <memory>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/tbf.h>
#include <netlink/route/tc.h>

namespace nacre::links {
namespace {

constexpr std::uint32_t ingress_handle = TC_H_MAKE(0xffff0000u, 0);
constexpr std::uint32_t limit_handle = TC_H_MAKE(0x6e610000u, 0); // ours, for a later process

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

std::unique_ptr<rtnl_qdisc, FreeQdisc> qdisc_of(std::uint32_t index, const char* kind, std::uint32_t parent,
                                                std::uint32_t handle) {
  std::unique_ptr<rtnl_qdisc, FreeQdisc> qdisc(rtnl_qdisc_alloc());
  if (!qdisc) throw std::bad_alloc();
  rtnl_tc_set_ifindex(TC_CAST(qdisc.get()), static_cast<int>(index));
  rtnl_tc_set_parent(TC_CAST(qdisc.get()), parent);
  rtnl_tc_set_handle(TC_CAST(qdisc.get()), handle);
  check_netlink(rtnl_tc_set_kind(TC_CAST(qdisc.get()), kind), "describe a qdisc");
  return qdisc;
}

std::unique_ptr<rtnl_qdisc, FreeQdisc> ingress_qdisc(std::uint32_t index) {
  return qdisc_of(index, "ingress", TC_H_INGRESS, ingress_handle);
}

std::unique_ptr<rtnl_qdisc, FreeQdisc> rate_limit(std::uint32_t index) {
  return qdisc_of(index, "tbf", TC_H_ROOT, limit_handle);
}

// What may be sent at once: at least one frame, so 10 ms of the rate, or what a frame of the largest size
// takes. At a low rate the latter would be a noticeable gift, so it is the link's own largest frame.
std::uint64_t bucket_of(std::uint64_t bytes_per_second, std::uint32_t mtu) {
  constexpr std::uint64_t largest_frame = 70000, large_enough = 10240, frame_overhead = 18;
  constexpr std::uint64_t high_rate = 1'000'000;
  const auto least = bytes_per_second >= high_rate
                         ? largest_frame
                         : std::max(large_enough, std::uint64_t{mtu} + frame_overhead);
  return std::max(bytes_per_second / 100, least);
}

void remove_qdisc(const Netlink& netlink, rtnl_qdisc* qdisc, const std::string& what) {
  const int result = rtnl_qdisc_delete(netlink.raw(), qdisc);
  // Without such a qdisc the kernel says EINVAL or ENOENT, without the link ENODEV.
  if (result == -NLE_OBJ_NOTFOUND || result == -NLE_NODEV || result == -NLE_INVAL) return;
  check_netlink(result, what);
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
    const auto priority = rtnl_cls_get_prio(reinterpret_cast<rtnl_cls*>(object));
    if (priority == filter_priority || priority == filter_priority_before) return false;
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
  rtnl_cls_set_prio(filter.get(), filter_priority);
  rtnl_cls_set_protocol(filter.get(), ETH_P_ALL);
  // One key with an empty mask matches every packet.
  check_netlink(rtnl_u32_add_key_uint8(filter.get(), 0, 0, 0, 0), "describe a filter");
  check_netlink(rtnl_u32_set_cls_terminal(filter.get()), "describe a filter");
  // The filter takes a reference of its own.
  const auto action = send_out_by(to);
  check_netlink(rtnl_u32_add_action(filter.get(), action.get()), "describe a filter");
  check_netlink(rtnl_cls_add(netlink.raw(), filter.get(), NLM_F_CREATE | NLM_F_EXCL), "redirect " + what);
}

void remove_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name) {
  remove_qdisc(netlink, ingress_qdisc(index).get(), "remove the ingress qdisc of link \"" + name + "\"");
}

void remove_own_ingress_qdisc(const Netlink& netlink, std::uint32_t index, const std::string& name) {
  if (!has_ingress_qdisc(netlink, index) || is_of_somebody_else(netlink, index)) return;
  remove_ingress_qdisc(netlink, index, name);
}

void add_rate_limit(const Netlink& netlink, std::uint32_t index, const std::string& name,
                    std::uint64_t bits_per_second, std::uint32_t mtu) {
  const auto rate = bits_per_second / 8;
  const auto bucket = bucket_of(rate, mtu);
  // What waits: 100 ms of the rate, at a low one some large segments, so that a sender that stalls for a
  // moment does not fall behind.
  const auto queue = bucket + std::max<std::uint64_t>(rate / 10, 256 << 10);
  const auto qdisc = rate_limit(index);
  rtnl_qdisc_tbf_set_rate(qdisc.get(), static_cast<int>(rate), static_cast<int>(bucket), -1);
  rtnl_qdisc_tbf_set_limit(qdisc.get(), static_cast<int>(queue));
  check_netlink(rtnl_qdisc_add(netlink.raw(), qdisc.get(), NLM_F_CREATE | NLM_F_EXCL),
                "limit the rate of link \"" + name + "\"");
}

void remove_rate_limit(const Netlink& netlink, std::uint32_t index, const std::string& name) {
  remove_qdisc(netlink, rate_limit(index).get(), "remove the rate limit of link \"" + name + "\"");
}

} // namespace nacre::links
