#include "catch.hpp"

#include "agent_client/hello.hpp"
#include "agent_client/proto/transport.pb.h"
#include "agent_client/status_error.hpp"
#include "base/error.hpp"

#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>

using namespace nacre::agent_client;
using nacre::Error;
using nacre::ErrorCode;
using nacre::UniqueFd;

namespace {

HelloKey key_of(char byte) {
  HelloKey key;
  key.fill(static_cast<unsigned char>(byte));
  return key;
}

std::string bytes_of(const HelloKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

std::string length_of(std::size_t length) {
  std::string bytes;
  for (int i = 0; i < 4; ++i)
    bytes += static_cast<char>((length >> (8 * i)) & 0xff);
  return bytes;
}

struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    host = UniqueFd(fds[0]);
    guest = UniqueFd(fds[1]);
  }
  UniqueFd host, guest;
};

std::string receive(int fd, std::size_t count) {
  std::string bytes(count, '\0');
  REQUIRE(::recv(fd, bytes.data(), count, MSG_WAITALL) == static_cast<ssize_t>(count));
  return bytes;
}

nacre::agent::v1::HelloRequest receive_request(int fd, const HelloKey& key) {
  const std::string head = receive(fd, 20);
  REQUIRE(head.substr(0, 16) == bytes_of(key));
  const auto length = static_cast<std::size_t>(static_cast<unsigned char>(head[16])) |
                      static_cast<std::size_t>(static_cast<unsigned char>(head[17])) << 8;
  nacre::agent::v1::HelloRequest request;
  REQUIRE(request.ParseFromString(receive(fd, length)));
  return request;
}

void send(int fd, const std::string& bytes) {
  REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

} // namespace

TEST_CASE("the reply is found after what an earlier conversation left on the channel") {
  const HelloKey nonce = key_of('n');
  HelloParser parser(nonce);
  const std::string noise(15, 'n'); // nearly the nonce
  const std::string stream = noise + "x" + bytes_of(nonce) + length_of(3) + "abcREST";
  std::size_t taken = 0;
  for (std::size_t i = 0; i < stream.size() && !parser.complete(); ++i)
    taken += parser.feed(stream.substr(i, 1));
  CHECK(parser.complete());
  CHECK(parser.payload() == "abc");
  CHECK(stream.substr(taken) == "REST");
  CHECK(parser.discarded_bytes() == 16);
}

TEST_CASE("an empty reply is whole as soon as its length is known") {
  HelloParser parser(key_of('n'));
  const std::string stream = bytes_of(key_of('n')) + length_of(0);
  CHECK(parser.feed(stream + "more") == stream.size());
  CHECK(parser.complete());
}

TEST_CASE("a reply that announces more than the protocol allows is refused before it is stored") {
  HelloParser parser(key_of('n'));
  CHECK_THROWS_AS(parser.feed(bytes_of(key_of('n')) + length_of(4097)), Error);
}

TEST_CASE("the hello leaves the first bytes of the next protocol in the channel") {
  Pair pair;
  std::thread agent([&] {
    const auto request = receive_request(pair.guest.get(), first_hello_key());
    nacre::agent::v1::HelloReply reply;
    reply.set_version(1);
    reply.set_agent_version("7.0\n\x1b[31m");
    send(pair.guest.get(),
         "garbage" + request.nonce() + length_of(reply.ByteSizeLong()) + reply.SerializeAsString() + "PRI");
  });
  const auto result = exchange_hello(pair.host.get(), {});
  agent.join();
  CHECK(result.version == 1);
  CHECK(result.agent_version == "7.0  [31m");
  CHECK(receive(pair.host.get(), 3) == "PRI");
}

TEST_CASE("a guest of another release is refused with the agent's words and what to do") {
  Pair pair;
  std::thread agent([&] {
    const auto request = receive_request(pair.guest.get(), first_hello_key());
    nacre::agent::v1::HelloReply reply;
    reply.set_message("this agent speaks 4 to 5");
    send(pair.guest.get(), request.nonce() + length_of(reply.ByteSizeLong()) + reply.SerializeAsString());
  });
  CHECK_THROWS_WITH(exchange_hello(pair.host.get(), {}),
                    Catch::Matchers::ContainsSubstring("this agent speaks 4 to 5") &&
                        Catch::Matchers::ContainsSubstring("same release"));
  agent.join();
}

TEST_CASE("waiting for the agent ends at once when the virtual machine dies") {
  Pair pair;
  const UniqueFd dead(::eventfd(1, EFD_CLOEXEC));
  HelloOptions options;
  options.cancel_fd = dead.get();
  try {
    exchange_hello(pair.host.get(), options);
    FAIL("it waited for nothing");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unavailable);
    CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("the virtual machine has ended"));
  }
}

TEST_CASE("waiting goes on while there are signs of life and ends when they stop") {
  Pair pair;
  std::uint64_t asked = 0;
  HelloOptions options;
  options.quiet_limit = std::chrono::milliseconds(5);
  options.signs_of_life = [&] { return std::min<std::uint64_t>(++asked, 4); };
  try {
    exchange_hello(pair.host.get(), options);
    FAIL("it waited for nothing");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::deadline_exceeded);
  }
  CHECK(asked == 5); // one before, three that changed, one that did not
}

TEST_CASE("words of the guest are bounded, on one line and valid UTF-8") {
  CHECK(clean_guest_words("crun: \"x\"\n") == "crun: \"x\"");
  CHECK(clean_guest_words("a\xff"
                          "b\xc3\xa9\xc2\x9b") == "a?b\xc3\xa9");
  CHECK(clean_guest_words(std::string(100000, 'x')).size() == guest_words_limit);
}
