#include "agent_client/hello.hpp"

#include "agent_client/proto/transport.pb.h"
#include "agent_client/status_error.hpp"
#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

namespace nacre::agent_client {
namespace {

HelloKey random_key() {
  HelloKey key;
  // Up to 256 bytes come in one piece (getrandom(2)).
  check_errno(::getrandom(key.data(), key.size(), 0), "get random bytes");
  return key;
}

std::string as_bytes(const HelloKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

std::string frame(const HelloKey& key, const std::string& payload) {
  std::string bytes = as_bytes(key);
  for (std::size_t i = 0; i < 4; ++i)
    bytes += static_cast<char>((payload.size() >> (8 * i)) & 0xff);
  return bytes + payload;
}

// Waits until `fd` is ready for `events`, as long as something shows life.
class Patience {
public:
  Patience(int fd, const HelloOptions& options) : fd_(fd), options_(options) {
    if (options_.signs_of_life) last_sign_ = options_.signs_of_life();
  }

  void wait_for(short events) {
    for (;;) {
      pollfd fds[2] = {{fd_, events, 0}, {options_.cancel_fd, POLLIN, 0}};
      const int ready = ::poll(fds, 2, static_cast<int>(options_.quiet_limit.count()));
      if (ready < 0 && errno == EINTR) continue;
      check_errno(ready, "wait for the agent");
      if (fds[1].revents != 0)
        throw Error(ErrorCode::unavailable, "wait for the agent").because("the virtual machine has ended");
      if (fds[0].revents != 0) return;
      if (!alive()) throw quiet();
    }
  }

private:
  bool alive() {
    if (!options_.signs_of_life) return false;
    const auto sign = options_.signs_of_life();
    return std::exchange(last_sign_, sign) != sign;
  }
  Error quiet() const {
    return Error(ErrorCode::deadline_exceeded, "wait for the agent")
        .because("for " + std::to_string(options_.quiet_limit.count() / 1000) +
                 " s the guest has neither said anything nor had work to do");
  }

  int fd_;
  const HelloOptions& options_;
  std::uint64_t last_sign_ = 0;
};

void send_all(int fd, std::string_view bytes, Patience& patience) {
  while (!bytes.empty()) {
    patience.wait_for(POLLOUT);
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    check_errno(sent, "say hello to the agent");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string receive_reply(int fd, const HelloKey& nonce, Patience& patience) {
  HelloParser parser(nonce);
  while (!parser.complete()) {
    patience.wait_for(POLLIN);
    // Peek first: gRPC's first bytes may follow the reply at once and are not ours.
    char bytes[4096];
    const ssize_t seen = ::recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    check_errno(seen, "wait for the agent");
    if (seen == 0)
      throw Error(ErrorCode::unavailable, "wait for the agent").because("its channel was closed");
    const std::size_t taken = parser.feed({bytes, static_cast<std::size_t>(seen)});
    check_errno(::recv(fd, bytes, taken, MSG_DONTWAIT), "wait for the agent");
  }
  return parser.payload();
}

Error refused_version(const nacre::agent::v1::HelloReply& reply) {
  std::string words = clean_guest_words(reply.message());
  if (words.empty())
    words = "the guest's agent " + clean_guest_words(reply.agent_version()) + " chose version " +
            std::to_string(reply.version()) + ", this release speaks " +
            std::to_string(agent_protocol_lowest) + " to " + std::to_string(agent_protocol_highest);
  return Error(ErrorCode::failed_precondition, "agree with the agent on a protocol version")
      .because(words)
      .hint("set initrd to the guest image of the same release as nacre");
}

HelloResult checked(const std::string& payload, const HelloKey& next_key) {
  nacre::agent::v1::HelloReply reply;
  if (!reply.ParseFromString(payload))
    throw Error(ErrorCode::internal, "understand the agent's hello").because("it is no valid message");
  if (reply.version() < agent_protocol_lowest || reply.version() > agent_protocol_highest)
    throw refused_version(reply);
  HelloResult result;
  result.version = reply.version();
  for (const auto& feature : reply.features())
    result.features.push_back(clean_guest_words(feature));
  result.agent_version = clean_guest_words(reply.agent_version());
  result.boot_id = clean_guest_words(reply.boot_id());
  result.resumed = reply.resumed();
  result.next_key = next_key;
  return result;
}

} // namespace

HelloKey first_hello_key() {
  HelloKey key;
  std::memcpy(key.data(), "nacre-hello-0001", key.size());
  return key;
}

std::size_t HelloParser::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !complete_) {
    if (length_known_) {
      const std::size_t part = std::min<std::size_t>(length_ - payload_.size(), bytes.size() - taken);
      payload_.append(bytes.substr(taken, part));
      taken += part;
    } else {
      window_ += bytes[taken++];
    }
    if (!nonce_seen_) {
      if (window_.size() > nonce_.size()) {
        window_.erase(0, 1);
        ++discarded_;
      }
      nonce_seen_ = window_ == as_bytes(nonce_);
      if (nonce_seen_) window_.clear();
    } else if (!length_known_ && window_.size() == 4) {
      length_ = little_endian(window_);
      if (length_ > hello_length_limit)
        throw Error(ErrorCode::internal, "understand the agent's hello")
            .because("it announces " + std::to_string(length_) + " bytes");
      length_known_ = true;
    }
    complete_ = length_known_ && payload_.size() == length_;
  }
  return taken;
}

HelloResult exchange_hello(int fd, const HelloOptions& options) {
  const HelloKey nonce = random_key();
  const HelloKey next_key = random_key();
  nacre::agent::v1::HelloRequest request;
  request.set_nonce(as_bytes(nonce));
  request.set_lowest_version(agent_protocol_lowest);
  request.set_highest_version(agent_protocol_highest);
  request.set_next_key(as_bytes(next_key));
  request.set_stdio_window(stdio_window_bytes);
  Patience patience(fd, options);
  send_all(fd, frame(options.key, request.SerializeAsString()), patience);
  return checked(receive_reply(fd, nonce, patience), next_key);
}

} // namespace nacre::agent_client
