// Sockets of the pod's network namespace while the guest has the link: Docker's resolver is one.
#include "link_pod.hpp"

#include <arpa/inet.h>
#include <catch.hpp>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

using namespace nacre;
using sdk::Fd;
using test::arrives;
using test::LinkNet;
using test::LinkPod;
using test::Namespace;

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

TEST_CASE("answers to the namespace's own sockets are theirs, and all else is the guest's", "[links]") {
  const auto plugin = GENERATE(as<std::string>{}, "tcfilter", "macvtap", "veth");
  INFO(plugin);
  LinkNet net;
  net.give_addresses();
  test::TestHost host;
  LinkPod pod(host, plugin);
  const auto taps = pod.opened(net);
  REQUIRE(pod.bind(net) == 0);
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

TEST_CASE("the namespace's own stack does not answer for the guest", "[links]") {
  const auto plugin = GENERATE(as<std::string>{}, "macvtap", "veth");
  INFO(plugin);
  LinkNet net;
  net.give_addresses();
  test::TestHost host;
  LinkPod pod(host, plugin);
  const auto taps = pod.opened(net);
  REQUIRE(pod.bind(net) == 0);
  // ARP asks all, and so do IPv6 neighbour discovery and mDNS: whoever hears it. The guest's end shows that
  // it came; what the stack would have answered is on the way back before that.
  const Fd peer = net.packet_socket();
  const auto asking = inet_socket(net.outside, AF_INET, SOCK_DGRAM);
  send_to(asking, "198.18.0.2", 9, "who has it?");
  const std::string arp_request("\x08\x06\0\x01\x08\0\x06\x04\0\x01", 10);
  CHECK(arrives(taps[0].get(), arp_request));
  const auto asking6 = inet_socket(net.outside, AF_INET6, SOCK_DGRAM);
  send_to(asking6, "fd00:1::2", 9, "who has it?");
  CHECK(arrives(taps[0].get(), std::string("\x87\0", 2))); // a neighbour solicitation
  // As a guest asks for its own address, to see whether somebody else has it.
  const std::string probe = std::string(10, '\0') +
                            std::string("\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x02", 12) + arp_request +
                            std::string("\x02\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\xc6\x12\0\x02", 20);
  REQUIRE(::write(taps[0].get(), probe.data(), probe.size()) == static_cast<ssize_t>(probe.size()));
  CHECK(arrives(peer.get(), std::string("\xc6\x12\0\x02", 4)));
  const std::string last = test::frame("the last one");
  REQUIRE(::send(peer.get(), last.data(), last.size(), 0) == static_cast<ssize_t>(last.size()));
  std::string seen;
  char buffer[65600];
  while (seen.find("the last one") == seen.npos) {
    pollfd set{taps[0].get(), POLLIN, 0};
    REQUIRE(::poll(&set, 1, 5000) == 1);
    const ssize_t size = ::read(taps[0].get(), buffer, sizeof buffer);
    REQUIRE(size > 0);
    seen.assign(buffer, static_cast<std::size_t>(size));
    CHECK(seen.find(std::string("\x08\x06\0\x01\x08\0\x06\x04\0\x02", 10)) == seen.npos); // an ARP reply
  }
  CHECK(net.outside.run("ip neigh show 198.18.0.2").find("lladdr") == std::string::npos);
  CHECK(net.outside.run("ip neigh show fd00:1::2").find("lladdr") == std::string::npos);
}
