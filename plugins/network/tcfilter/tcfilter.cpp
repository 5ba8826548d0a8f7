// Network `tcfilter`: each link of the pod's network namespace gets a tap beside it, and the kernel redirects
// all frames between the two. The link keeps its addresses, routes and names; the guest's NIC has its MAC.
#include "endpoint.hpp"
#include "links/ethernet.hpp"
#include "links/link_change.hpp"

#include <nacre/sdk/network.hpp>

#include <array>
#include <unistd.h>

namespace {

using namespace nacre::sdk;
namespace links = nacre::links;

// Kinds (IFLA_INFO_KIND) whose frames pass an ingress qdisc. "" is a physical link, "tun" a tap (a tun has no
// frames). Not in it, though they are Ethernet: the tunnels that the kernel puts into each new namespace
// (gretap0, erspan0).
constexpr std::array<std::string_view, 11> known_kinds = {"",     "veth", "macvlan", "ipvlan", "vlan",  "tun",
                                                          "bond", "team", "dummy",   "vxlan",  "geneve"};

class TcFilter : public Network {
public:
  TcFilter(Host host, const Call&, const Options& options)
      : host_(host), limits_(links::RateLimits::of(options)) {}

  static Probe probe(Host, const Call&, const Options& options) { return links::probe_taps(options); }

  bool claim(const Link& link) override { return links::takes(host_, "tcfilter", link, known_kinds); }

  std::unique_ptr<Endpoint> open_endpoint(const Call&, const EndpointRequest& request) override {
    return std::make_unique<nacre::tcfilter::Endpoint>(host_, request, limits_);
  }

  static void undo(Host host, const Call&, std::string_view record) { links::undo(host, record); }

private:
  Host host_;
  links::RateLimits limits_;
};

} // namespace

NACRE_PLUGIN_DEFINE(network, "tcfilter", "0.1.0", "Apache-2.0", 0,
                    NACRE_NET_MULTI_QUEUE | NACRE_NET_LATE_BIND | NACRE_NET_RATE_LIMIT,
                    nacre::links::rate_limit_options, &nacre::sdk::network_table<TcFilter>);
