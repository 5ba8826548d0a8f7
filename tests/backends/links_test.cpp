// Each plugin that works on links, on real ones: frames both ways, everything as before afterwards, bad
// input.
#include "link_pod.hpp"

#include <arpa/inet.h>
#include <catch.hpp>
#include <linux/if_arp.h>
#include <poll.h>
#include <sys/socket.h>

using namespace nacre;
using sdk::Fd;
using test::arrives;
using test::difference;
using test::frame;
using test::LinkNet;
using test::LinkPod;
using test::Namespace;

namespace {

constexpr std::size_t virtio_header_bytes = 10; // struct virtio_net_hdr, before each frame on a tap

std::string each_plugin() {
  return GENERATE(as<std::string>{}, "tcfilter", "macvtap", "veth");
}

} // namespace

TEST_CASE("frames go both ways, and afterwards all is as before", "[links]") {
  const auto plugin = each_plugin();
  INFO(plugin);
  LinkNet net(GENERATE(as<std::string>{}, "eth0", "a-link-with-15c")); // the longest name
  test::TestHost host;
  const std::string before = net.state();
  const Fd peer = net.packet_socket();
  {
    LinkPod pod(host, plugin);
    const auto taps = pod.opened(net);
    REQUIRE(taps.size() == 1);
    CHECK(pod.end().ends_with("_nacre"));
    sdk::Binding binding;
    const int bound = pod.bind(net, &binding);
    INFO(pod.why());
    REQUIRE(bound == 0);
    CHECK(host.log().empty());
    CHECK(binding.mac == sdk::Mac{2, 0, 0, 0, 0, 2});
    CHECK(binding.mtu == 1400);
    CHECK_FALSE(binding.own_addresses);
    CHECK(net.pod.run("ip addr show dev " + net.name).find("198.18.0.2/30") != std::string::npos);
    CHECK(net.link().mac == sdk::Mac{2, 0, 0, 0, 0, 2});
    // No address of the host's beside the guest's.
    CHECK(net.pod.run("sh -c 'ip -6 addr show | grep -v \" lo:\\|::1/128\\|_lft\" || true'").empty());

    const std::string in = frame("to the guest");
    REQUIRE(::send(peer.get(), in.data(), in.size(), 0) == static_cast<ssize_t>(in.size()));
    CHECK(arrives(taps[0].get(), "to the guest"));
    const std::string out = std::string(virtio_header_bytes, '\0') + frame("from the guest");
    REQUIRE(::write(taps[0].get(), out.data(), out.size()) == static_cast<ssize_t>(out.size()));
    CHECK(arrives(peer.get(), "from the guest"));
    const auto stats = pod.stats();
    CHECK(stats.rx_packets >= 1);
    CHECK(stats.tx_packets == 1);
    CHECK(stats.tx_bytes == frame("from the guest").size());

    CHECK(pod.bind(net) == -NACRE_E_PRECONDITION); // one link an endpoint
    REQUIRE(pod.unbind() == 0);
    CHECK(pod.unbind() == 0);
    CHECK(pod.bind(net) == 0); // and again
    CHECK(pod.unbind() == 0);
  }
  CHECK(host.journal().empty());
  CHECK(difference(before, net.state()) == "");
}

TEST_CASE("with many queues there are as many descriptors", "[links]") {
  const auto plugin = each_plugin();
  INFO(plugin);
  LinkNet net;
  test::TestHost host;
  LinkPod pod(host, plugin);
  const auto queues = pod.opened(net, 4);
  CHECK(queues.size() == 4);
  REQUIRE(pod.bind(net) == 0);
  const Fd peer = net.packet_socket();
  for (const auto& queue : queues) {
    const std::string out = std::string(virtio_header_bytes, '\0') + frame("by one of them");
    REQUIRE(::write(queue.get(), out.data(), out.size()) == static_cast<ssize_t>(out.size()));
    CHECK(arrives(peer.get(), "by one of them"));
  }
}

TEST_CASE("unbind succeeds when the link, the host's end or the namespace has gone", "[links]") {
  const auto plugin = each_plugin();
  INFO(plugin);
  LinkNet net;
  test::TestHost host;
  {
    LinkPod pod(host, plugin, R"({"rx_rate_limiter_max_rate":1000000,"tx_rate_limiter_max_rate":1000000})");
    auto taps = pod.opened(net);
    const int bound = pod.bind(net);
    INFO(pod.why());
    REQUIRE(bound == 0);
    SECTION("the link") {
      net.pod.run("ip link delete eth0");
    }
    SECTION("the link, to another namespace") {
      net.pod.run("ip link set eth0 netns " + std::to_string(net.outside.pid()));
    }
    SECTION("the host's end") {
      taps.clear();
      if (plugin == "macvtap") net.pod.run("ip link delete " + pod.end());
    }
    SECTION("the namespace's processes") {
      net.pod.end();
    }
    const int unbound = pod.unbind();
    INFO(pod.why());
    CHECK(unbound == 0);
  }
  CHECK(host.journal().empty());
}

TEST_CASE("a link that cannot serve is refused in words, and left as it is", "[links]") {
  const auto plugin = each_plugin();
  INFO(plugin);
  LinkNet net;
  test::TestHost host;
  const std::string before = net.state();
  {
    LinkPod pod(host, plugin, R"({"tx_rate_limiter_max_rate":1000000})");
    const auto taps = pod.opened(net);
    auto link = net.link();
    SECTION("an MTU that no tap can have") {
      link.mtu = 65536; // as lo has
      CHECK(pod.bind(link, net.pod) == -NACRE_E_INVALID_ARGUMENT);
      CHECK(pod.why().find("MTU 65536 of link \"eth0\"") != std::string::npos);
    }
    SECTION("no MAC") {
      link.mac = {};
      CHECK(pod.bind(link, net.pod) == -NACRE_E_UNSUPPORTED);
      CHECK(pod.why().find("link \"eth0\" has no MAC address") != std::string::npos);
    }
    SECTION("no Ethernet") {
      link.hardware_type = ARPHRD_NONE;
      CHECK(pod.bind(link, net.pod) == -NACRE_E_UNSUPPORTED);
      CHECK(pod.why().find("link \"eth0\" carries no Ethernet frames") != std::string::npos);
    }
  }
  CHECK(host.journal().empty());
  CHECK(difference(before, net.state()) == "");
}

TEST_CASE("a link that goes before it is bound is an error, with nothing left", "[links]") {
  const auto plugin = each_plugin();
  INFO(plugin);
  LinkNet net;
  test::TestHost host;
  const auto link = net.link();
  {
    LinkPod pod(host, plugin);
    const auto taps = pod.opened(net);
    net.pod.run("ip link delete eth0");
    CHECK(pod.bind(link, net.pod) < 0);
    CHECK_FALSE(pod.why().empty());
  }
  CHECK(host.journal().empty());
  CHECK(net.pod.run("ip -o link | grep -vc lo: || true") == "0\n");
}

TEST_CASE("a root qdisc of somebody else's is not replaced by a limit", "[links]") {
  const auto plugin = GENERATE(as<std::string>{}, "tcfilter", "veth"); // macvtap limits on its own link
  INFO(plugin);
  LinkNet net;
  test::TestHost host;
  net.pod.run("tc qdisc add dev eth0 root handle 7: pfifo limit 77");
  const std::string before = net.state();
  {
    LinkPod pod(host, plugin, R"({"tx_rate_limiter_max_rate":1000000})");
    const auto taps = pod.opened(net);
    CHECK(pod.bind(net) == -NACRE_E_PRECONDITION);
    CHECK(pod.why().find("link \"eth0\" has a root qdisc of its own") != std::string::npos);
  }
  CHECK(host.journal().empty());
  CHECK(difference(before, net.state()) == "");
}

TEST_CASE("a name that is taken is an error, and its link stays", "[links]") {
  const auto [plugin, taken] = GENERATE(table<std::string, std::string>({{"tcfilter", "tap0_nacre"},
                                                                         {"veth", "tap0_nacre"},
                                                                         {"veth", "br0_nacre"},
                                                                         {"macvtap", "mvt0_nacre"}}));
  INFO(plugin << ", " << taken);
  LinkNet net;
  test::TestHost host;
  net.pod.run("ip tuntap add " + taken + " mode tap");
  const std::string before = net.state();
  {
    LinkPod pod(host, plugin);
    std::vector<Fd> taps;
    int status = pod.open(net, taps);
    if (status == 0) status = pod.bind(net);
    CHECK(status == -NACRE_E_ALREADY_EXISTS);
    CHECK(pod.why().find("has a link \"" + taken + "\" already; remove it") != std::string::npos);
  }
  CHECK(host.journal().empty());
  CHECK(difference(before, net.state()) == "");
}

TEST_CASE("another macvtap on the link is an error", "[links]") {
  LinkNet net;
  test::TestHost host;
  net.pod.run("ip link add link eth0 name other type macvlan mode bridge");
  LinkPod pod(host, "macvtap");
  std::vector<Fd> taps;
  CHECK(pod.open(net, taps) == -NACRE_E_PRECONDITION);
  CHECK(pod.why().find("another macvlan or macvtap on the pod's link?") != std::string::npos);
  CHECK(host.journal().empty());
}

TEST_CASE("a rate that is too low is refused", "[links]") {
  const auto plugin = each_plugin();
  test::TestHost host;
  const std::string options = R"({"rx_rate_limiter_max_rate":7999})";
  const auto& ops = *static_cast<const nacre_network_ops*>(test::load_plugin("network", plugin).ops);
  nacre_net* net = nullptr;
  nacre_error error{};
  error.struct_size = sizeof error;
  CHECK(ops.create(host.raw(), nullptr, options.data(), options.size(), &net, &error) ==
        -NACRE_E_INVALID_ARGUMENT);
  CHECK(std::string(error.what).find("\"rx_rate_limiter_max_rate\" is 7999 bit/s") != std::string::npos);
}

TEST_CASE("undo helper", "[.undo-helper]") {
  test::undo_given();
}

TEST_CASE("a later process undoes what one that was killed has left", "[links]") {
  const auto plugin = each_plugin();
  INFO(plugin);
  LinkNet net;
  net.give_addresses();
  test::TestHost host;
  const std::string before = net.state();
  auto* pod =
      new LinkPod(host, plugin, R"({"rx_rate_limiter_max_rate":1000000,"tx_rate_limiter_max_rate":1000000})");
  {
    const auto taps = pod->opened(net);
    const int bound = pod->bind(net);
    INFO(pod->why());
    REQUIRE(bound == 0);
  }
  pod->leave(); // abandoned, as by a process that was killed
  CHECK(net.state() != before);
  auto records = host.journal();
  const auto undo_all = [&] {
    for (auto record = records.rbegin(); record != records.rend(); ++record)
      test::undo_elsewhere(plugin, *record);
  };
  SECTION("once and once more") {
    undo_all();
    CHECK(difference(before, net.state()) == "");
    undo_all();
    CHECK(difference(before, net.state()) == "");
  }
  SECTION("and has nothing to do when the namespace has gone") {
    net.pod.end();
    undo_all();
  }
}
