// The .so on real links: a namespace with one veth, frames through both redirections, everything as before
// afterwards.
#include "test_host.hpp"

#include <nacre/sdk/network.hpp>

#include <arpa/inet.h>
#include <catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace {

constexpr std::size_t virtio_header_bytes = 10; // struct virtio_net_hdr, before each frame on a tap

using namespace nacre;
using sdk::Fd;

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, pipe))
    text += buffer;
  INFO(command << ": " << text);
  REQUIRE(::pclose(pipe) == 0);
  return text;
}

// A process that does nothing but keep a network namespace, as the holder of a container does.
class Namespace {
public:
  Namespace() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      const char ready = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
      if (::write(writing.get(), &ready, 1) == 1) ::pause();
      ::_exit(1);
    }
    char ready = 'n';
    REQUIRE(::read(reading.get(), &ready, 1) == 1);
    REQUIRE(ready == 'y');
    fd_ = Fd(::open(("/proc/" + std::to_string(pid_) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  }
  ~Namespace() { end(); }

  int fd() const { return fd_.get(); }
  int pid() const { return pid_; }
  void end() {
    fd_.reset();
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
  }
  std::string run(const std::string& command) const {
    return output_of("nsenter --net=/proc/" + std::to_string(pid_) + "/ns/net " + command);
  }
  std::string state() const {
    return run(
        "sh -c 'ip -d link; ip addr; ip route; ip -6 route; tc qdisc; tc filter show dev eth0 ingress'");
  }

private:
  int pid_ = -1;
  Fd fd_;
};

// "eth0" in the pod, "peer" in a namespace beside it.
struct Net {
  Namespace outside, pod;
  Net() {
    outside.run("ip link add peer address 02:00:00:00:00:01 type veth peer name eth0 address "
                "02:00:00:00:00:02 netns " +
                std::to_string(pod.pid()));
    outside.run("sysctl -qw net.ipv6.conf.peer.disable_ipv6=1");
    pod.run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1"); // nothing but our own frames is to be seen
    outside.run("ip link set peer up");
    pod.run("ip link set eth0 mtu 1400 up");
    pod.run("ip addr add 198.18.0.2/30 dev eth0");
    pod.run("ip route add default via 198.18.0.1");
  }
  sdk::Link link() const {
    sdk::Link link;
    link.name = "eth0";
    link.kind = "veth";
    link.mac = {2, 0, 0, 0, 0, 2};
    link.mtu = 1400;
    link.hardware_type = ARPHRD_ETHER;
    test::in_netns(pod.fd(), [&] { link.index = ::if_nametoindex("eth0"); });
    return link;
  }
  Fd packet_socket() const {
    Fd socket;
    test::in_netns(outside.fd(), [&] {
      socket = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
      sockaddr_ll address{};
      address.sll_family = AF_PACKET;
      address.sll_protocol = htons(ETH_P_ALL);
      address.sll_ifindex = static_cast<int>(::if_nametoindex("peer"));
      sdk::check_errno(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    });
    return socket;
  }
};

const nacre_network_ops& ops() {
  return *static_cast<const nacre_network_ops*>(test::load_plugin("network", "tcfilter").ops);
}

// The caller's side of the table: one pod with one endpoint.
class Pod {
public:
  explicit Pod(test::TestHost& host) {
    REQUIRE(ops().create(host.raw(), nullptr, "{}", 2, &net_, error()) == 0);
  }
  ~Pod() {
    if (endpoint_) ops().close_endpoint(endpoint_);
    ops().destroy(net_);
  }
  bool claims(const sdk::Link& link) {
    sdk::Arena arena;
    std::uint32_t taken = 0;
    REQUIRE(ops().claim(net_, sdk::to_c(link, arena), &taken, error()) == 0);
    return taken == 1;
  }
  // The tap's descriptors.
  std::vector<Fd> open(const Namespace& pod, std::uint32_t queues = 1, std::uint32_t mtu = 1400) {
    sdk::EndpointRequest request;
    request.netns_fd = pod.fd();
    request.id = "net0";
    request.index = 0;
    request.queues = queues;
    request.mac = {2, 0, 0, 0, 0, 2};
    request.mtu = mtu;
    sdk::Arena arena;
    std::int32_t numbers[16];
    nacre_fds_out out{sizeof out, 16, numbers, 0, 0};
    nacre_endpoint_result result{};
    result.struct_size = sizeof result;
    const int status =
        ops().open_endpoint(net_, nullptr, sdk::to_c(request, arena), &endpoint_, &result, &out, error());
    INFO(why());
    REQUIRE(status == 0);
    CHECK(NACRE_SDK_GET(*result.host_end, ifname) == "tap0_nacre");
    CHECK(result.device->mtu == mtu);
    std::vector<Fd> fds;
    for (std::uint32_t i = 0; i < out.count; ++i)
      fds.emplace_back(numbers[i]);
    return fds;
  }
  int bind(const sdk::Link& link, const Namespace& pod, sdk::Binding* binding = nullptr) {
    sdk::Arena arena;
    nacre_bind_result result{};
    result.struct_size = sizeof result;
    const int status = ops().bind(endpoint_, nullptr, sdk::to_c(link, arena), pod.fd(), &result, error());
    if (status == 0 && binding) *binding = sdk::from_c(result);
    return status;
  }
  int unbind() { return ops().unbind(endpoint_, nullptr, error()); }
  nacre_endpoint_stats stats() {
    nacre_endpoint_stats stats{};
    stats.struct_size = sizeof stats;
    REQUIRE(ops().stats(endpoint_, &stats, error()) == 0);
    return stats;
  }
  std::string why() const { return error_.what; }
  void leave() { endpoint_ = nullptr, net_ = nullptr; }

private:
  nacre_error* error() {
    error_ = {};
    error_.struct_size = sizeof error_;
    return &error_;
  }
  nacre_net* net_ = nullptr;
  nacre_endpoint* endpoint_ = nullptr;
  nacre_error error_{};
};

std::string frame(const std::string& payload) {
  return std::string("\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb5", 14) + payload + std::string(64, '.');
}

// The next frame that holds `payload`; others (the kernel's own) are skipped.
bool arrives(int fd, const std::string& payload) {
  while (true) {
    pollfd set{fd, POLLIN, 0};
    if (::poll(&set, 1, 5000) != 1) return false;
    char buffer[65536];
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count > 0 && std::string(buffer, static_cast<std::size_t>(count)).find(payload) != std::string::npos)
      return true;
  }
}

} // namespace

TEST_CASE("frames go both ways, and afterwards all is as before", "[tcfilter]") {
  Net net;
  test::TestHost host;
  const std::string before = net.pod.state();
  const Fd peer = net.packet_socket();
  {
    Pod pod(host);
    const auto taps = pod.open(net.pod);
    REQUIRE(taps.size() == 1);
    CHECK(net.pod.run("ip link show tap0_nacre").find("mtu 1400") != std::string::npos);
    CHECK(
        net.pod.run("ip -6 addr show dev tap0_nacre").empty()); // no address of the host's beside the guest's
    sdk::Binding binding;
    const int bound = pod.bind(net.link(), net.pod, &binding);
    INFO(pod.why());
    REQUIRE(bound == 0);
    CHECK(binding.mac == sdk::Mac{2, 0, 0, 0, 0, 2});
    CHECK(binding.mtu == 1400);
    CHECK_FALSE(binding.own_addresses);
    CHECK(host.journal().size() == 1);
    CHECK(net.pod.run("ip addr show dev eth0").find("198.18.0.2/30") != std::string::npos);

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

    CHECK(pod.bind(net.link(), net.pod) == -NACRE_E_PRECONDITION); // one link an endpoint
    REQUIRE(pod.unbind() == 0);
    CHECK(pod.unbind() == 0);
    CHECK(host.journal().empty());
    CHECK(pod.bind(net.link(), net.pod) == 0); // and again
    CHECK(pod.unbind() == 0);
  }
  CHECK(net.pod.state() == before);
}

TEST_CASE("a multi-queue tap has as many descriptors as queues", "[tcfilter]") {
  Net net;
  test::TestHost host;
  Pod pod(host);
  CHECK(pod.open(net.pod, 4, 0).size() == 4);
}

TEST_CASE("a link with an ingress qdisc of somebody else's is refused and left as it is", "[tcfilter]") {
  Net net;
  test::TestHost host;
  net.pod.run("tc qdisc add dev eth0 clsact");
  const std::string before = net.pod.state();
  {
    Pod pod(host);
    const auto taps = pod.open(net.pod);
    CHECK(pod.bind(net.link(), net.pod) == -NACRE_E_PRECONDITION);
    CHECK(pod.why().find("link \"eth0\" has an ingress qdisc already") != std::string::npos);
    CHECK(host.journal().empty());
  }
  CHECK(net.pod.state() == before);
}

TEST_CASE("unbind succeeds when the link or the namespace has gone", "[tcfilter]") {
  Net net;
  test::TestHost host;
  Pod pod(host);
  auto taps = pod.open(net.pod);
  REQUIRE(pod.bind(net.link(), net.pod) == 0);
  SECTION("the link") {
    net.pod.run("ip link delete eth0");
  }
  SECTION("the tap") {
    taps.clear();
  }
  SECTION("the namespace's processes") {
    net.pod.end();
  }
  CHECK(pod.unbind() == 0);
  INFO(pod.why());
  CHECK(host.journal().empty());
}

TEST_CASE("an MTU that no tap can have is refused in words", "[tcfilter]") {
  Net net;
  test::TestHost host;
  Pod pod(host);
  const auto taps = pod.open(net.pod);
  auto link = net.link();
  link.mtu = 65536; // as lo has
  CHECK(pod.bind(link, net.pod) == -NACRE_E_INVALID_ARGUMENT);
  CHECK(pod.why().find("MTU 65536 of link \"eth0\"") != std::string::npos);
}

TEST_CASE("which links are taken", "[tcfilter]") {
  test::TestHost host;
  Pod pod(host);
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

namespace {

Fd inet_socket(const Namespace& space, int family, int type) {
  Fd made;
  test::in_netns(space.fd(), [&] { made = Fd(::socket(family, type | SOCK_CLOEXEC, 0)); });
  REQUIRE(made.get() >= 0);
  return made;
}

sockaddr_storage inet_address(const char* text, std::uint16_t port) {
  sockaddr_storage address{};
  auto& four = reinterpret_cast<sockaddr_in&>(address);
  auto& six = reinterpret_cast<sockaddr_in6&>(address);
  if (::inet_pton(AF_INET, text, &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
  } else {
    REQUIRE(::inet_pton(AF_INET6, text, &six.sin6_addr) == 1);
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
  }
  return address;
}

void bind_to(const Fd& socket, const char* text, std::uint16_t port) {
  const auto address = inet_address(text, port);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

void connect_to(const Fd& socket, const char* text, std::uint16_t port) {
  const auto address = inet_address(text, port);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

void send_to(const Fd& socket, const char* text, std::uint16_t port, const std::string& words) {
  const auto address = inet_address(text, port);
  REQUIRE(::sendto(socket.get(), words.data(), words.size(), 0, reinterpret_cast<const sockaddr*>(&address),
                   sizeof address) == static_cast<ssize_t>(words.size()));
}

} // namespace

TEST_CASE("answers to the namespace's own sockets are theirs, and all else is the guest's", "[tcfilter]") {
  Net net;
  for (const auto* space : {&net.outside, &net.pod})
    space->run(std::string("sysctl -qw net.ipv6.conf.") + (space == &net.pod ? "eth0" : "peer") +
               ".disable_ipv6=0");
  net.outside.run("ip addr add 198.18.0.1/30 dev peer");
  net.outside.run("ip addr add fd00:1::1/64 dev peer nodad");
  net.pod.run("ip addr add fd00:1::2/64 dev eth0 nodad");
  test::TestHost host;
  Pod pod(host);
  const auto taps = pod.open(net.pod);
  REQUIRE(pod.bind(net.link(), net.pod) == 0);
  CHECK(host.log().empty());

  const bool four = GENERATE(true, false);
  const char* outside = four ? "198.18.0.1" : "fd00:1::1";
  const char* inside = four ? "198.18.0.2" : "fd00:1::2";
  const int family = four ? AF_INET : AF_INET6;
  INFO(outside);

  // Datagrams; that the first one arrives shows that neighbours are found too.
  const auto server = inet_socket(net.outside, family, SOCK_DGRAM);
  bind_to(server, outside, 53);
  const auto asking = inet_socket(net.pod, family, SOCK_DGRAM);
  bind_to(asking, inside, 40000);
  connect_to(asking, outside, 53);
  REQUIRE(::send(asking.get(), "question", 8, 0) == 8);
  REQUIRE(arrives(server.get(), "question"));
  send_to(server, inside, 40000, "answer");
  CHECK(arrives(asking.get(), "answer"));

  // A socket that is connected to nobody takes nothing away from the guest, nor does one with another peer.
  const auto anybody = inet_socket(net.pod, family, SOCK_DGRAM);
  bind_to(anybody, inside, 40001);
  send_to(server, inside, 40001, "to nobody here");
  CHECK(arrives(taps[0].get(), "to nobody here"));
  const auto other = inet_socket(net.outside, family, SOCK_DGRAM);
  bind_to(other, outside, 54);
  send_to(other, inside, 40000, "from another port");
  CHECK(arrives(taps[0].get(), "from another port"));

  // Streams: one that the namespace opened, and none that it waits for.
  const auto listener = inet_socket(net.outside, family, SOCK_STREAM);
  bind_to(listener, outside, 53);
  REQUIRE(::listen(listener.get(), 1) == 0);
  const auto stream = inet_socket(net.pod, family, SOCK_STREAM);
  connect_to(stream, outside, 53);
  const Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(::send(accepted.get(), "by stream", 9, 0) == 9);
  CHECK(arrives(stream.get(), "by stream"));
  const auto waiting = inet_socket(net.pod, family, SOCK_STREAM);
  bind_to(waiting, inside, 80);
  REQUIRE(::listen(waiting.get(), 1) == 0);
  test::in_netns(net.outside.fd(), [&] {
    const Fd caller(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto address = inet_address(inside, 80);
    CHECK(::connect(caller.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0);
    CHECK(errno == EINPROGRESS);
    CHECK(arrives(taps[0].get(), std::string("\0\x50", 2))); // the guest's tap has the SYN
    pollfd set{caller.get(), POLLOUT, 0};
    CHECK(::poll(&set, 1, 100) == 0); // and nobody has answered it
  });
}

// Run by the test below in a process of its own.
TEST_CASE("undo helper", "[.undo-helper]") {
  test::TestHost host;
  nacre_error error{};
  error.struct_size = sizeof error;
  const std::string record = std::getenv("NACRE_TEST_RECORD");
  const int status = ops().undo(host.raw(), nullptr, record.data(), record.size(), &error);
  INFO(error.what);
  REQUIRE(status == 0);
}

TEST_CASE("a later process undoes what one that was killed has left", "[tcfilter]") {
  Net net;
  test::TestHost host;
  const std::string before = net.pod.state();
  auto* pod = new Pod(host); // abandoned, as by a process that was killed
  {
    const auto taps = pod->open(net.pod);
    REQUIRE(pod->bind(net.link(), net.pod) == 0);
  }
  CHECK(net.pod.state() != before);
  ::setenv("NACRE_TEST_RECORD", host.journal().at(0).c_str(), 1);
  const std::string helper = output_of("readlink /proc/" + std::to_string(::getpid()) + "/exe");
  const std::string again = helper.substr(0, helper.size() - 1) + " '[.undo-helper]'";

  SECTION("once and once more") {
    output_of(again);
    CHECK(net.pod.state() == before);
    output_of(again);
    CHECK(net.pod.state() == before);
  }
  SECTION("but not a qdisc that somebody else made since") {
    net.pod.run("tc qdisc del dev eth0 ingress");
    net.pod.run("tc qdisc add dev eth0 ingress");
    net.pod.run("tc filter add dev eth0 ingress protocol all prio 7 u32 match u8 0 0 action mirred egress "
                "redirect dev lo");
    const std::string others = net.pod.state();
    output_of(again);
    CHECK(net.pod.state() == others);
  }
  SECTION("and has nothing to do when the namespace has gone") {
    pod->leave();
    net.pod.end();
    output_of(again);
  }
}
