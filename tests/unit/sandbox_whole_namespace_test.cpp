#include "catch.hpp"

#include "sandbox/whole_namespace.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string>

using namespace nacre::sandbox;
namespace plugin = nacre::plugin;

namespace {

plugin::Address address(std::uint8_t last, std::uint32_t family = 4, std::uint8_t first = 10) {
  plugin::Address made;
  made.family = family;
  made.address[0] = first;
  made.address[family == 4 ? 3 : 15] = last;
  made.prefix_length = family == 4 ? 24 : 64;
  return made;
}

plugin::Route default_route(std::uint8_t gateway) {
  plugin::Route route;
  route.type = RTN_UNICAST;
  route.gateway = address(gateway).address;
  return route;
}

ScannedLink link(const std::string& name, std::uint32_t index) {
  ScannedLink made;
  made.link.name = name;
  made.link.index = index;
  made.link.flags = IFF_UP;
  return made;
}

} // namespace

TEST_CASE("a shared namespace is the link of its default route with the addresses of all") {
  auto bridge = link("docker0", 3), main = link("eth0", 7);
  bridge.link.addresses = {address(1, 4, 172), address(5, 6, 0xfe)};
  bridge.link.addresses[1].address[1] = 0x80; // link-local: nobody else's
  main.link.addresses = {address(2), address(2, 6, 0xfd)};
  plugin::Route on_link;
  on_link.type = RTN_UNICAST;
  on_link.destination_length = 16;
  main.link.routes = {on_link, default_route(1)};

  const auto one = as_one_link({bridge, main});
  REQUIRE(one.size() == 1);
  const auto& seen = one[0].link;
  CHECK(seen.name == "eth0");
  REQUIRE(seen.addresses.size() == 3);
  CHECK(seen.addresses[0].prefix_length == 24);
  CHECK(seen.addresses[2].address == bridge.link.addresses[0].address);
  CHECK(seen.addresses[2].prefix_length == 32);
  CHECK((seen.addresses[2].flags & IFA_F_NOPREFIXROUTE) != 0);
  // One way out for each family that has an address; the namespace's own where it has one.
  REQUIRE(seen.routes.size() == 2);
  CHECK(seen.routes[0].gateway == default_route(1).gateway);
  CHECK(seen.routes[1].family == 6);
  CHECK_FALSE(seen.routes[1].gateway);
}

TEST_CASE("the guest's NIC stays the same when the default route moves") {
  auto one = link("eth0", 2), other = link("wlan0", 3);
  one.link.addresses = {address(1)};
  other.link.addresses = {address(2)};
  one.link.routes = {default_route(9)};
  const auto before = as_one_link({one, other}).at(0).link;
  one.link.routes.clear();
  other.link.routes = {default_route(9)};
  const auto after = as_one_link({one, other}).at(0).link;
  CHECK(before.name == "eth0");
  CHECK(after.name == "wlan0");
  CHECK(before.mac == after.mac);
  CHECK(before.index == after.index);
}

TEST_CASE("without a default route it is the first link that has an address, without an address none") {
  auto idle = link("eth0", 2), used = link("eth1", 3);
  used.link.addresses = {address(1)};
  CHECK(as_one_link({idle, used}).at(0).link.name == "eth1");
  CHECK(as_one_link({idle}).empty());
}
