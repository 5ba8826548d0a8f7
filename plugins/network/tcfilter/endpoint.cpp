#include "endpoint.hpp"

#include "links/answer_filter.hpp"
#include "links/ethernet.hpp"
#include "links/link_qdisc.hpp"
#include "links/traffic_control.hpp"

namespace nacre::tcfilter {

Endpoint::Endpoint(sdk::Host host, const sdk::EndpointRequest& request, const links::RateLimits& limits)
    : host_(host), limits_(limits), netlink_(std::make_shared<links::Netlink>(host, request.netns_fd)),
      tap_(host, *netlink_, request, links::checked_mtu(request.mtu, "NIC \"" + request.id + "\"")) {}

sdk::Binding Endpoint::bind(const sdk::Call& call, const sdk::Link& link, int netns_fd) {
  call.check();
  if (qdisc_) throw sdk::Error(NACRE_E_PRECONDITION, "\"" + tap_.name() + "\" is bound to a link already");
  links::check_ethernet(link);
  const auto mtu = links::checked_mtu(link.mtu, "link \"" + link.name + "\"");
  if (links::has_ingress_qdisc(*netlink_, link.index))
    throw sdk::Error(NACRE_E_PRECONDITION,
                     "link \"" + link.name +
                         "\" has an ingress qdisc already, which redirecting its traffic would break; "
                         "remove it (tc qdisc del dev " +
                         link.name + " ingress), or use another network plugin");
  links::bring_up(*netlink_, tap_.index(), mtu);
  qdisc_ = links::hold_ingress(host_, netlink_, netns_fd, link);
  try {
    links::add_ingress_qdisc(*netlink_, tap_.index(), tap_.name());
    links::spare_answers(host_, *netlink_, {.guest = tap_.index()}, link.index, link.name);
    limit_ = links::limit_tap_and_link(host_, netlink_, netns_fd, limits_, tap_, link);
    links::redirect(*netlink_, link.index, tap_.index(),
                    "the traffic of \"" + link.name + "\" to \"" + tap_.name() + "\"");
    links::redirect(*netlink_, tap_.index(), link.index,
                    "the traffic of \"" + tap_.name() + "\" to \"" + link.name + "\"");
  } catch (...) {
    unbind(call);
    throw;
  }
  sdk::Binding binding;
  binding.mac = link.mac;
  binding.mtu = mtu;
  return binding;
}

void Endpoint::unbind(const sdk::Call&) {
  if (!qdisc_) return;
  // First the tap: nothing of the guest leaves by the link any more.
  links::remove_ingress_qdisc(*netlink_, tap_.index(), tap_.name());
  links::remove_rate_limit(*netlink_, tap_.index(), tap_.name());
  limit_.undo();
  qdisc_.undo();
}

nacre_endpoint_stats Endpoint::stats() {
  return links::stats_beyond(links::link_counters(*netlink_, tap_.index()));
}

} // namespace nacre::tcfilter
