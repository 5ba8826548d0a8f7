#include "catch.hpp"

#include "agent_client/io_loop.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/dns_upstream.hpp"
#include "sandbox/netns_scan.hpp"
#include "sandbox/resolv_conf.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <netinet/in.h>
#include <sched.h>
#include <semaphore>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace nacre::sandbox;
using nacre::UniqueFd;
using nacre::agent_client::IoLoop;

namespace {

std::uint32_t address(const char* text) {
  in_addr binary{};
  REQUIRE(::inet_pton(AF_INET, text, &binary) == 1);
  return binary.s_addr;
}

// A new network namespace with its loopback up; a thread makes it.
UniqueFd private_netns() {
  UniqueFd fd;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0 || std::system("ip link set lo up") != 0) return;
    fd = UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  return fd;
}

UniqueFd server_socket(int netns, int type) {
  UniqueFd socket = socket_in_netns(netns, AF_INET, type, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(53);
  name.sin_addr.s_addr = address("127.0.0.11");
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  if (type == SOCK_STREAM) REQUIRE(::listen(socket.get(), 4) == 0);
  return socket;
}

const std::string query = std::string("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12) + "question";

std::string answered_from(std::string message, const std::string& words) {
  message[2] = static_cast<char>(message[2] | 0x80);
  return message + words;
}

// Asks on the loop's thread and waits for the answer.
std::string ask(IoLoop& loop, DnsUpstream& upstream, bool tcp, const std::string& what) {
  std::promise<std::string> answer;
  loop.post([&] {
    upstream.ask(address("127.0.0.11"), tcp, what,
                 [&](std::string text) { answer.set_value(std::move(text)); });
  });
  return answer.get_future().get();
}

} // namespace

TEST_CASE("which name servers of a resolv.conf are on the loopback") {
  CHECK(loopback_servers("").empty());
  CHECK(loopback_servers("nameserver 127.0.0.11\noptions ndots:0\n") == std::vector{address("127.0.0.11")});
  CHECK(loopback_servers("search a b\nnameserver\t127.0.0.53  \nnameserver 8.8.8.8\nnameserver 127.0.0.53") ==
        std::vector{address("127.0.0.53")});
  CHECK(loopback_servers("#nameserver 127.0.0.1\nnameserver ::1\nnameserver 10.0.0.1\nnameserver 127.1\n")
            .empty());
  CHECK(loopback_servers("nameserver 1.1.1.1\nnameserver 1.0.0.1\nnameserver 8.8.8.8\nnameserver 127.0.0.1\n")
            .empty()); // resolvers look at three
}

TEST_CASE("a resolv.conf that is written anew is read anew") {
  const std::string path = "/tmp/nacre-resolv-" + std::to_string(::getpid());
  std::ofstream(path) << "nameserver 9.9.9.9\n";
  IoLoop loop;
  {
    std::counting_semaphore<> changed(0);
    const ResolvConfWatch watch(loop, path, [&] { changed.release(); });
    CHECK(watch.servers().empty());
    std::ofstream(path) << "nameserver 127.0.0.11\n";
    while (watch.servers().empty())
      changed.acquire();
    CHECK(watch.servers() == std::vector{address("127.0.0.11")});
  }
  ::unlink(path.c_str());
}

TEST_CASE("questions reach a name server of the pod's loopback, by UDP and TCP") {
  const UniqueFd netns = private_netns();
  if (!netns) {
    WARN("skipped: making a network namespace needs root");
    return;
  }
  IoLoop loop;
  auto upstream = std::make_unique<DnsUpstream>(loop, netns.get());

  // Nobody listens: told at once, with the question's id and the bits of a server's failure.
  for (const bool tcp : {false, true}) {
    const auto failure = ask(loop, *upstream, tcp, query);
    REQUIRE(failure.size() == query.size());
    CHECK(failure.substr(0, 2) == "\x12\x34");
    CHECK((failure[2] & 0x80) != 0);
    CHECK((failure[3] & 0x0f) == 2);
  }
  CHECK(ask(loop, *upstream, false, "too short").empty());
  CHECK(ask(loop, *upstream, true, answered_from(query, "")).empty()); // an answer is no question

  const UniqueFd datagrams = server_socket(netns.get(), SOCK_DGRAM);
  std::thread by_udp([&] {
    for (int i = 0; i < 2; ++i) { // the second question's answer comes first
      char bytes[512];
      sockaddr_in peer{};
      socklen_t length = sizeof peer;
      const auto got =
          ::recvfrom(datagrams.get(), bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&peer), &length);
      const std::string wrong = "no answer at all";
      ::sendto(datagrams.get(), wrong.data(), wrong.size(), 0, reinterpret_cast<sockaddr*>(&peer), length);
      const auto answer = answered_from({bytes, static_cast<std::size_t>(got)}, " answered");
      ::sendto(datagrams.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&peer), length);
    }
  });
  CHECK(ask(loop, *upstream, false, query) == answered_from(query, " answered"));
  CHECK(ask(loop, *upstream, false, query) == answered_from(query, " answered"));
  by_udp.join();

  const UniqueFd stream = server_socket(netns.get(), SOCK_STREAM);
  const std::string much(30000, 'x');
  std::thread by_tcp([&] {
    const UniqueFd peer(::accept(stream.get(), nullptr, nullptr));
    char bytes[512];
    const auto got = ::recv(peer.get(), bytes, sizeof bytes, 0);
    auto answer = answered_from({bytes + 2, static_cast<std::size_t>(got - 2)}, much);
    answer = std::string{static_cast<char>(answer.size() >> 8), static_cast<char>(answer.size())} + answer;
    ::send(peer.get(), answer.data(), answer.size(), 0);
  });
  CHECK(ask(loop, *upstream, true, query) == answered_from(query, much));
  by_tcp.join();
  loop.run([&] { upstream.reset(); });
}
