// What tcfilter alone does; what it does as the others do is in links_test.cpp.
#include "link_pod.hpp"

#include <catch.hpp>
#include <linux/if_arp.h>

using namespace nacre;
using sdk::Fd;
using test::difference;
using test::LinkNet;
using test::LinkPod;

TEST_CASE("a link with an ingress qdisc of somebody else's is refused and left as it is", "[tcfilter]") {
  LinkNet net;
  test::TestHost host;
  net.pod.run("tc qdisc add dev eth0 clsact");
  const std::string before = net.state();
  {
    LinkPod pod(host, "tcfilter");
    const auto taps = pod.opened(net);
    CHECK(pod.bind(net) == -NACRE_E_PRECONDITION);
    CHECK(pod.why().find("link \"eth0\" has an ingress qdisc already") != std::string::npos);
    CHECK(host.journal().empty());
  }
  CHECK(difference(before, net.state()) == "");
}

TEST_CASE("the tap has the link's MTU", "[tcfilter]") {
  LinkNet net;
  test::TestHost host;
  LinkPod pod(host, "tcfilter");
  const auto taps = pod.opened(net);
  CHECK(net.pod.run("ip link show tap0_nacre").find("mtu 1400") != std::string::npos);
}

TEST_CASE("which links are taken", "[tcfilter]") {
  test::TestHost host;
  LinkPod pod(host, "tcfilter");
  const auto link_of = [](const char* name, const char* kind, std::uint32_t type) {
    sdk::Link link;
    link.name = name;
    link.kind = kind;
    link.hardware_type = type;
    return link;
  };
  for (const char* kind : {"veth", "macvlan", "ipvlan", "vlan", "tun", ""})
    CHECK(pod.claims(link_of("eth0", kind, ARPHRD_ETHER)));
  CHECK_FALSE(pod.claims(link_of("lo", "", ARPHRD_LOOPBACK)));
  CHECK_FALSE(pod.claims(link_of("tap3_nacre", "tun", ARPHRD_ETHER)));
  CHECK_FALSE(pod.claims(link_of("gretap0", "gretap", ARPHRD_ETHER)));
  CHECK_FALSE(pod.claims(link_of("tun0", "tun", ARPHRD_NONE)));
  CHECK(host.log().back() ==
        "tcfilter leaves link \"tun0\" alone: it is a tun, which carries packets without Ethernet frames");
}

TEST_CASE("undo helper", "[.undo-helper]") {
  test::undo_given();
}

TEST_CASE("a qdisc that somebody else made since is not undone", "[tcfilter]") {
  LinkNet net;
  test::TestHost host;
  auto* pod = new LinkPod(host, "tcfilter"); // abandoned, as by a process that was killed
  {
    const auto taps = pod->opened(net);
    REQUIRE(pod->bind(net) == 0);
  }
  net.pod.run("tc qdisc del dev eth0 ingress");
  net.pod.run("tc qdisc add dev eth0 ingress");
  net.pod.run("tc filter add dev eth0 ingress protocol all prio 7 u32 match u8 0 0 action mirred egress "
              "redirect dev lo");
  const std::string others = net.state();
  test::undo_elsewhere("tcfilter", host.journal().at(0));
  CHECK(difference(others, net.state()) == "");
}
