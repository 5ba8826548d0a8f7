// Network `macvtap`: each link of the pod's network namespace gets a macvtap on it, whose descriptors the
// hypervisor reads and writes. The link keeps its addresses, routes, name and MAC, which the guest's NIC has
// too.
#include "endpoint.hpp"
#include "links/ethernet.hpp"
#include "links/link_change.hpp"

#include <nacre/sdk/network.hpp>

#include <array>

namespace {

using namespace nacre::sdk;
namespace links = nacre::links;

// Kinds (IFLA_INFO_KIND) that can be below a macvtap. Not a macvlan: the kernel puts the macvtap on what is
// below that one, beside it; nor an ipvlan, which has its parent's MAC. "" is a physical link.
constexpr std::array<std::string_view, 9> known_kinds = {"",     "veth",  "vlan",  "tun",   "bond",
                                                         "team", "dummy", "vxlan", "geneve"};

class Macvtap : public Network {
public:
  Macvtap(Host host, const Call&, const Options& options)
      : host_(host), limits_(links::RateLimits::of(options)) {}

  static Probe probe(Host, const Call&, const Options& options) {
    links::RateLimits::of(options);
    return Probe::ok();
  }

  bool claim(const Link& link) override { return links::takes(host_, "macvtap", link, known_kinds); }

  std::unique_ptr<Endpoint> open_endpoint(const Call&, const EndpointRequest& request) override {
    return std::make_unique<nacre::macvtap::Endpoint>(host_, request, limits_);
  }

  static void undo(Host host, const Call&, std::string_view record) { links::undo(host, record); }

private:
  Host host_;
  links::RateLimits limits_;
};

} // namespace

NACRE_PLUGIN_DEFINE(network, "macvtap", "0.1.0", "Apache-2.0", 0,
                    NACRE_NET_MULTI_QUEUE | NACRE_NET_RATE_LIMIT, nacre::links::rate_limit_options,
                    &nacre::sdk::network_table<Macvtap>);
