// The transport hello (agent/proto/transport.proto): host and agent agree on a version and, on a channel
// without connection boundaries, on where the conversation begins.
#pragma once

#include "base/unique_fd.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::agent_client {

inline constexpr std::uint32_t agent_protocol_lowest = 1;
inline constexpr std::uint32_t agent_protocol_highest = 1;
inline constexpr std::uint32_t stdio_window_bytes = 256 * 1024;
inline constexpr std::size_t hello_length_limit = 4096;

using HelloKey = std::array<unsigned char, 16>;
HelloKey first_hello_key();

// Finds the reply to our request in whatever else arrives. Pure: feed it bytes.
class HelloParser {
public:
  explicit HelloParser(const HelloKey& nonce) : nonce_(nonce) {}

  // Takes the bytes one after the other until the reply is whole; returns how many it took. Throws Error when
  // the guest announces a reply that is too long.
  std::size_t feed(std::string_view bytes);
  bool complete() const noexcept { return complete_; }
  // The serialized HelloReply; valid when complete.
  const std::string& payload() const noexcept { return payload_; }
  std::uint64_t discarded_bytes() const noexcept { return discarded_; } // what arrived before the nonce

private:
  HelloKey nonce_;
  std::string window_; // at most 16 bytes while the nonce is searched, then the length
  std::string payload_;
  std::uint64_t discarded_ = 0;
  bool nonce_seen_ = false;
  bool length_known_ = false;
  std::uint32_t length_ = 0;
  bool complete_ = false;
};

// What both ends agreed on.
struct HelloResult {
  std::uint32_t version = 0;
  std::vector<std::string> features;
  std::string agent_version;
  std::string boot_id;
  bool resumed = false;
  HelloKey next_key{}; // for the next hello on this channel
};

struct HelloOptions {
  HelloKey key = first_hello_key();
  int cancel_fd = -1; // readable: give up at once (the VMM has died); borrowed
  // How long neither the agent nor anything else may show life. There is no deadline beside it: a slow host
  // boots slowly.
  std::chrono::milliseconds quiet_limit{30000};
  // Any number that changes between two calls when the machine is alive (it has written to its console, or
  // had work). May be empty.
  std::function<std::uint64_t()> signs_of_life;
};

// Blocks. `fd` is a connected stream of ours. Throws Error: unavailable when the channel closes or is
// cancelled, deadline_exceeded when everything is quiet, failed_precondition when the versions do not meet.
HelloResult exchange_hello(int fd, const HelloOptions& options);

} // namespace nacre::agent_client
