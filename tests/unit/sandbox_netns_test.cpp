#include "catch.hpp"

#include "base/unique_fd.hpp"
#include "sandbox/netns_scan.hpp"
#include "sandbox/netns_watch.hpp"
#include "sandbox/on_demand_worker.hpp"
#include "sandbox/pod_network.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <semaphore>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using namespace nacre::sandbox;
using nacre::UniqueFd;

namespace {

// A network namespace of the test's own, made by a child; commands run in it.
class PrivateNetns {
public:
  PrivateNetns() {
    int ready[2], leave[2];
    REQUIRE(::pipe(ready) == 0);
    REQUIRE(::pipe(leave) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      char byte = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
      if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
      ::close(leave[1]);
      ::_exit(::read(leave[0], &byte, 1) == 0 ? 0 : 1);
    }
    char byte = 'n';
    if (::read(ready[0], &byte, 1) != 1) byte = 'n';
    for (const int fd : {ready[0], ready[1], leave[0]})
      ::close(fd);
    leave_ = UniqueFd(leave[1]);
    made_ = byte == 'y';
    fd_ = UniqueFd(::open(("/proc/" + std::to_string(pid_) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  }
  PrivateNetns(const PrivateNetns&) = delete;
  PrivateNetns& operator=(const PrivateNetns&) = delete;
  ~PrivateNetns() {
    leave_.reset();
    ::waitpid(pid_, nullptr, 0);
  }
  bool made() const { return made_; }
  int fd() const { return fd_.get(); }
  void run(const std::string& command) const {
    REQUIRE(std::system(("nsenter --net=/proc/" + std::to_string(pid_) + "/ns/net " + command).c_str()) == 0);
  }

private:
  pid_t pid_;
  UniqueFd leave_, fd_;
  bool made_ = false;
};

std::vector<ScannedLink> in_use(const PrivateNetns& netns) {
  auto links = scan_netns(netns.fd());
  std::erase_if(links, [](const ScannedLink& link) { return !link.in_use(); });
  return links;
}

} // namespace

TEST_CASE("a scan sees links, addresses and routes of the pod's namespace only") {
  const PrivateNetns netns;
  if (!netns.made()) {
    WARN("skipped: making a network namespace needs root");
    return;
  }
  CHECK(in_use(netns).empty()); // the loopback is none
  netns.run("ip link add eth0 address 02:11:22:33:44:55 mtu 1400 type veth peer name far0");
  CHECK(in_use(netns).empty()); // idle: down and without address
  netns.run("ip addr add 10.1.2.3/24 dev eth0");
  netns.run("ip addr add fd00::5/64 dev eth0 nodad");
  netns.run("ip link set eth0 up");
  netns.run("ip route add default via 10.1.2.1 metric 7");
  netns.run("ip route add 10.9.0.0/16 dev eth0 src 10.1.2.3");
  netns.run("ip -6 route add default via fd00::1");
  netns.run("ip neigh add 10.1.2.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent");

  const auto links = in_use(netns);
  REQUIRE(links.size() == 1);
  const auto& link = links[0].link;
  CHECK(link.name == "eth0");
  CHECK(link.kind == "veth");
  CHECK(link.mtu == 1400);
  CHECK(link.mac == nacre::plugin::Mac{0x02, 0x11, 0x22, 0x33, 0x44, 0x55});
  const auto v4 = std::find_if(link.addresses.begin(), link.addresses.end(),
                               [](const auto& address) { return address.family == 4; });
  REQUIRE(v4 != link.addresses.end());
  CHECK(v4->address[3] == 3);
  CHECK(v4->prefix_length == 24);
  REQUIRE(links[0].neighbors.size() == 1);
  CHECK(links[0].neighbors[0].mac[5] == 1);
  REQUIRE(link.routes.size() == 3); // not those that the kernel made with the addresses
  const auto& with_metric = *std::find_if(link.routes.begin(), link.routes.end(),
                                          [](const auto& route) { return route.metric == 7; });
  CHECK(with_metric.destination_length == 0);
  REQUIRE(with_metric.gateway);
  CHECK((*with_metric.gateway)[3] == 1);
  CHECK(links == in_use(netns));
  netns.run("ip addr add 10.1.2.4/24 dev eth0");
  CHECK_FALSE(links == in_use(netns));
}

TEST_CASE("a watch tells of what comes and goes, also of what came before it was armed") {
  const PrivateNetns netns;
  if (!netns.made()) {
    WARN("skipped: making a network namespace needs root");
    return;
  }
  nacre::agent_client::IoLoop loop;
  std::counting_semaphore<> told(0);
  NetnsWatch watch(netns.fd(), loop, [&] { told.release(); });
  netns.run("ip link add eth0 type veth peer name far0");
  CHECK_FALSE(told.try_acquire());
  watch.arm();
  const auto told_of = [&](const std::string& command) {
    while (told.try_acquire()) { // of what one command did before
    }
    netns.run(command);
    return told.try_acquire_for(std::chrono::seconds(20));
  };
  CHECK(told.try_acquire_for(std::chrono::seconds(20)));
  CHECK(told_of("ip link set eth0 mtu 1400"));
  CHECK(told_of("ip addr add 10.1.2.3/24 dev eth0"));
  CHECK(told_of("ip link set eth0 up"));
  CHECK(told_of("ip addr add fd00::5/64 dev eth0 nodad"));
  CHECK(told_of("ip neigh add 10.1.2.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent"));
  CHECK(told_of("ip link delete eth0"));
}

TEST_CASE("work on demand: one run at a time, and none is forgotten") {
  std::counting_semaphore<> entered(0), leave(0);
  std::atomic<int> runs = 0;
  OnDemandWorker worker([&] {
    ++runs;
    entered.release();
    leave.acquire();
  });
  worker.wake();
  entered.acquire();
  worker.wake(); // two while it runs are one more
  worker.wake();
  leave.release(2);
  entered.acquire();
  worker.stop();
  CHECK(runs == 2);
  worker.wake();
  CHECK(runs == 2);
}

TEST_CASE("what the guest is told equals the link") {
  ScannedLink link;
  link.link.name = "eth0";
  link.link.flags = IFF_UP | IFF_NOARP;
  link.link.mtu = 1400;
  nacre::plugin::Address address;
  address.family = 6;
  address.address[15] = 5;
  address.prefix_length = 64;
  address.flags = IFA_F_PERMANENT;
  link.link.addresses = {address};
  nacre::plugin::Route route;
  route.family = 6;
  route.gateway = address.address;
  link.link.routes = {route};
  nacre::plugin::Binding binding;
  binding.mac = {2, 0, 0, 0, 0, 9};

  nacre::agent::v1::Network network;
  describe_nic(link, binding, "00:05.0", network);
  const auto& interface = network.interfaces(0);
  CHECK(interface.name() == "eth0");
  CHECK(interface.mac() == std::string("\x02\0\0\0\0\x09", 6));
  CHECK(interface.mtu() == 1400);
  CHECK(interface.up());
  CHECK(interface.flags() == IFF_NOARP);
  CHECK(interface.device_path() == "00:05.0");
  CHECK(interface.addresses(0).address().size() == 16);
  CHECK(interface.addresses(0).flags() == IFA_F_NODAD); // it has been in use: works at once
  CHECK(network.routes(0).interface() == "eth0");
  CHECK(network.routes(0).destination().empty());
  CHECK(network.routes(0).gateway().size() == 16);
}

TEST_CASE("a plugin that answers addresses of its own has the last word") {
  ScannedLink link;
  link.link.addresses.resize(2);
  nacre::plugin::Binding binding;
  binding.own_addresses = true;
  binding.mtu = 900;
  nacre::agent::v1::Network network;
  describe_nic(link, binding, "", network);
  CHECK(network.interfaces(0).addresses_size() == 0);
  CHECK(network.interfaces(0).mtu() == 900);
}

TEST_CASE("two descriptors of one namespace are the same, two namespaces are not") {
  const PrivateNetns netns;
  const UniqueFd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const UniqueFd again(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  CHECK(same_namespace(own.get(), again.get()));
  if (netns.made()) CHECK_FALSE(same_namespace(own.get(), netns.fd()));
}
