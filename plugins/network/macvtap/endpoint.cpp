#include "endpoint.hpp"

#include "device_number.hpp"
#include "links/answer_filter.hpp"
#include "links/ethernet.hpp"
#include "links/tap.hpp"
#include "links/traffic_control.hpp"
#include "queue.hpp"

#include <cstring>
#include <linux/if_link.h>

namespace nacre::macvtap {
namespace {

// The mode in which the macvtap has the link's own MAC and gets all frames for it. In the others it has a MAC
// beside the link's: the guest could have the link's only if the link got another one, and with that the
// namespace's stack would answer in the guest's place.
links::LinkPlan plan_of(const std::string& name, std::uint32_t below) {
  const std::uint32_t mode = MACVLAN_MODE_PASSTHRU;
  std::vector<std::uint8_t> bytes(sizeof mode);
  std::memcpy(bytes.data(), &mode, sizeof mode);
  return {.name = name, .kind = "macvtap", .below = below, .attributes = {{IFLA_MACVLAN_MODE, bytes}}};
}

} // namespace

Endpoint::Endpoint(sdk::Host host, const sdk::EndpointRequest& request, const links::RateLimits& limits)
    : host_(host), limits_(limits), number_(request.index), link_index_(request.link_index) {
  if (link_index_ == 0)
    throw sdk::Error(
        NACRE_E_UNSUPPORTED,
        "a macvtap cannot be made before its link is there; connect networks before the container is "
        "created, or use the network plugin tcfilter");
  links::checked_mtu(request.mtu, "NIC \"" + request.id + "\"");
  netlink_ = std::make_shared<links::Netlink>(host, request.netns_fd);
  const DeviceNotices notices(host, request.netns_fd);
  try {
    macvtap_.emplace(host, netlink_, request.netns_fd, plan_of(links::own_name("mvt", number_), link_index_));
  } catch (const sdk::Error& failure) {
    if (failure.code() != NACRE_E_INVALID_ARGUMENT) throw;
    throw sdk::Error(NACRE_E_PRECONDITION,
                     std::string(failure.what()) +
                         "; is there another macvlan or macvtap on the pod's link? Remove it, "
                         "or use the network plugin tcfilter");
  }
  device_ = links::tap_device(
      request, open_queues(notices.number_of(macvtap_->name()), request.queues, macvtap_->name()),
      macvtap_->name());
}

sdk::Binding Endpoint::bind(const sdk::Call& call, const sdk::Link& link, int netns_fd) {
  call.check();
  if (bound_)
    throw sdk::Error(NACRE_E_PRECONDITION, "\"" + macvtap_->name() + "\" is bound to a link already");
  if (link.index != link_index_)
    throw sdk::Error(NACRE_E_PRECONDITION,
                     "\"" + macvtap_->name() + "\" is not on link \"" + link.name + "\" and cannot be moved");
  links::check_ethernet(link);
  sdk::Binding binding;
  binding.mac = link.mac;
  binding.mtu = links::checked_mtu(link.mtu, "link \"" + link.name + "\"");
  bound_ = true;
  try {
    limit(link, netns_fd);
    answers_ = links::spare_answers_on(
        host_, netlink_, netns_fd,
        {.guest = macvtap_->index(), .guest_receives = true, .past_handler = true, .hush_stack = true}, link);
    // Which groups the guest has joined is not known here: it gets the frames of all. While the macvtap is
    // down: set later, the flag is handed down to the link and stays there (drivers/net/macvlan.c,
    // macvlan_stop()).
    links::hear_all_groups(*netlink_, macvtap_->index());
    links::bring_up(*netlink_, macvtap_->index(), 0);
  } catch (...) {
    unbind(call);
    throw;
  }
  return binding;
}

// What the guest sends, the macvtap sends. What it receives never waits in a qdisc by itself: it is sent
// through a link that gives it back where it came from.
void Endpoint::limit(const sdk::Link& link, int netns_fd) {
  const auto index = macvtap_->index();
  if (limits_.out_of_guest != 0)
    links::add_rate_limit(*netlink_, index, macvtap_->name(), limits_.out_of_guest, link.mtu);
  if (limits_.into_guest == 0) return;
  waiting_.emplace(host_, netlink_, netns_fd,
                   links::LinkPlan{.name = links::own_name("ifb", number_), .kind = "ifb"});
  links::add_rate_limit(*netlink_, waiting_->index(), waiting_->name(), limits_.into_guest, link.mtu);
  links::bring_up(*netlink_, waiting_->index(), 0);
  links::add_ingress_qdisc(*netlink_, index, macvtap_->name());
  links::redirect(*netlink_, index, waiting_->index(),
                  "the traffic of \"" + macvtap_->name() + "\" to \"" + waiting_->name() + "\"");
}

void Endpoint::unbind(const sdk::Call&) {
  if (!bound_) return;
  bound_ = false;
  links::set_down(*netlink_, macvtap_->index());
  links::remove_ingress_qdisc(*netlink_, macvtap_->index(), macvtap_->name());
  links::remove_rate_limit(*netlink_, macvtap_->index(), macvtap_->name());
  if (waiting_) waiting_->remove();
  waiting_.reset();
  answers_.undo();
}

// As the macvtap counts it, the guest does: the macvtap stands in its place.
nacre_endpoint_stats Endpoint::stats() {
  const auto counters = links::link_counters(*netlink_, macvtap_->index());
  return {sizeof(nacre_endpoint_stats),
          0,
          counters.rx_bytes,
          counters.rx_packets,
          counters.rx_errors,
          counters.rx_dropped,
          counters.tx_bytes,
          counters.tx_packets,
          counters.tx_errors,
          counters.tx_dropped};
}

} // namespace nacre::macvtap
