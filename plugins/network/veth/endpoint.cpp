#include "endpoint.hpp"

#include "links/answer_filter.hpp"
#include "links/ethernet.hpp"
#include "links/traffic_control.hpp"

namespace nacre::veth {
namespace {

// A bridge drops a frame that is longer than the port's MTU, and the link's may grow while the guest runs:
// the link alone is to say what is too long.
constexpr std::uint32_t tap_mtu = 65520;

} // namespace

Endpoint::Endpoint(sdk::Host host, const sdk::EndpointRequest& request, const links::RateLimits& limits)
    : host_(host), limits_(limits), bridge_name_(links::own_name("br", request.index)),
      netlink_(std::make_shared<links::Netlink>(host, request.netns_fd)),
      tap_(host, *netlink_, request, tap_mtu) {}

sdk::Binding Endpoint::bind(const sdk::Call& call, const sdk::Link& link, int netns_fd) {
  call.check();
  if (bridge_) throw sdk::Error(NACRE_E_PRECONDITION, "\"" + tap_.name() + "\" is bound to a link already");
  links::check_ethernet(link);
  sdk::Binding binding;
  binding.mac = link.mac;
  binding.mtu = links::checked_mtu(link.mtu, "link \"" + link.name + "\"");
  try {
    bridge_.emplace(host_, netlink_, netns_fd, bridge_name_);
    limit_ = links::limit_tap_and_link(host_, netlink_, netns_fd, limits_, tap_, link);
    answers_ = links::spare_answers_on(host_, netlink_, netns_fd,
                                       {.guest = tap_.index(), .past_handler = true}, link);
    join(link);
  } catch (...) {
    unbind(call);
    throw;
  }
  return binding;
}

void Endpoint::join(const sdk::Link& link) {
  bridge_->add_port(link.index, link.name, &link.mac);
  bridge_->add_port(tap_.index(), tap_.name(), nullptr);
  bridge_->open();
}

void Endpoint::unbind(const sdk::Call&) {
  if (bridge_) {
    bridge_->remove();
    bridge_.reset();
  }
  links::remove_rate_limit(*netlink_, tap_.index(), tap_.name());
  answers_.undo();
  limit_.undo();
}

nacre_endpoint_stats Endpoint::stats() {
  return links::stats_beyond(links::link_counters(*netlink_, tap_.index()));
}

} // namespace nacre::veth
