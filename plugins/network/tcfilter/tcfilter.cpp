// Network `tcfilter`: each link of the pod's network namespace gets a tap beside it, and the kernel redirects
// all frames between the two. The link keeps its addresses, routes and names; the guest's NIC has its MAC.
#include "tap_endpoint.hpp"

#include <nacre/sdk/network.hpp>

#include <algorithm>
#include <array>
#include <linux/if_arp.h>
#include <unistd.h>

namespace {

using namespace nacre::sdk;
namespace tcfilter = nacre::tcfilter;

// Kinds (IFLA_INFO_KIND) whose frames pass an ingress qdisc. "" is a physical link, "tun" a tap (a tun has no
// frames). Not in it, though they are Ethernet: the tunnels that the kernel puts into each new namespace
// (gretap0, erspan0).
constexpr std::array<std::string_view, 11> known_kinds = {"",     "veth", "macvlan", "ipvlan", "vlan",  "tun",
                                                          "bond", "team", "dummy",   "vxlan",  "geneve"};

class TcFilter : public Network {
public:
  TcFilter(Host host, const Call&, const Options&) : host_(host) {}

  static Probe probe(Host, const Call&, const Options&) {
    if (::access("/dev/net/tun", R_OK | W_OK) != 0)
      return Probe::skip(std::string("/dev/net/tun cannot be used: ") + ::strerrordesc_np(errno) +
                         "; load the tun module");
    return Probe::ok();
  }

  DeviceNeeds needs() override { return {1u << NACRE_DEVICE_NET, 0}; }

  bool claim(const Link& link) override {
    if (tcfilter::is_tap_name(link.name) || link.hardware_type == ARPHRD_LOOPBACK) return false;
    if (link.hardware_type != ARPHRD_ETHER)
      return pass(link, link.kind == "tun" ? "it is a tun, which carries packets without Ethernet frames"
                                           : "it carries no Ethernet frames");
    if (std::find(known_kinds.begin(), known_kinds.end(), link.kind) == known_kinds.end())
      return pass(link, "links of kind \"" + link.kind + "\" are not for guests");
    return true;
  }

  std::unique_ptr<Endpoint> open_endpoint(const Call&, const EndpointRequest& request) override {
    return std::make_unique<tcfilter::TapEndpoint>(host_, request);
  }

  static void undo(Host host, const Call&, std::string_view record) { tcfilter::undo(host, record); }

private:
  bool pass(const Link& link, const std::string& why) const {
    host_.info("tcfilter leaves link \"" + link.name + "\" alone: " + why);
    return false;
  }

  Host host_;
};

} // namespace

NACRE_PLUGIN_DEFINE(network, "tcfilter", "0.1.0", "Apache-2.0", 0,
                    NACRE_NET_MULTI_QUEUE | NACRE_NET_LATE_BIND, "[]", &nacre::sdk::network_table<TcFilter>);
