// Network `veth`: the classical way. Each link of the pod's network namespace gets a bridge that joins it
// with a tap. The link keeps its addresses, routes, name and MAC, which the guest's NIC has too.
#include "endpoint.hpp"
#include "links/ethernet.hpp"
#include "links/link_change.hpp"

#include <nacre/sdk/network.hpp>

#include <array>
#include <unistd.h>

namespace {

using namespace nacre::sdk;
namespace links = nacre::links;

// Kinds (IFLA_INFO_KIND) that a bridge leaves as they were: as a port, a physical link loses LRO for good; a
// macvlan or an ipvlan receives for its own MAC only.
constexpr std::array<std::string_view, 5> known_kinds = {"veth", "tun", "dummy", "vxlan", "geneve"};

class Veth : public Network {
public:
  Veth(Host host, const Call&, const Options& options)
      : host_(host), limits_(links::RateLimits::of(options)) {}

  static Probe probe(Host, const Call&, const Options& options) { return links::probe_taps(options); }

  bool claim(const Link& link) override { return links::takes(host_, "veth", link, known_kinds); }

  std::unique_ptr<Endpoint> open_endpoint(const Call&, const EndpointRequest& request) override {
    return std::make_unique<nacre::veth::Endpoint>(host_, request, limits_);
  }

  static void undo(Host host, const Call&, std::string_view record) { links::undo(host, record); }

private:
  Host host_;
  links::RateLimits limits_;
};

} // namespace

NACRE_PLUGIN_DEFINE(network, "veth", "0.1.0", "Apache-2.0", 0,
                    NACRE_NET_MULTI_QUEUE | NACRE_NET_LATE_BIND | NACRE_NET_RATE_LIMIT,
                    nacre::links::rate_limit_options, &nacre::sdk::network_table<Veth>);
