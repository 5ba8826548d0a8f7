// The stream of the agent's that carries what the guest asks the name servers of the host's loopback
// (agent.proto, Dns).
#pragma once

#include "agent_client/agent_client.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nacre::agent_client {

// Only on the loop's thread. Lives until its end was told.
class DnsStream {
public:
  struct Callbacks {
    // A query. Nothing more is read until the call returned true, or read_on() was called: who has no room
    // says false, and the guest waits.
    std::function<bool(v1::DnsFrame::Message&& query)> query;
    // The guest's answer to listen(); "" when it listens at all addresses.
    std::function<void(const std::string& problem)> listening;
    // Once, the last call; empty: the agent ended it in order.
    std::function<void(const std::optional<Error>&)> ended;
  };

  static std::shared_ptr<DnsStream> open(std::shared_ptr<AgentClient> client, Callbacks callbacks);
  ~DnsStream();
  DnsStream(const DnsStream&) = delete;
  DnsStream& operator=(const DnsStream&) = delete;

  void listen(const std::vector<std::uint32_t>& addresses); // complete, network byte order
  void answer(std::uint32_t id, std::string bytes);         // exactly once for each query
  void read_on();
  void cancel(); // no callback follows

private:
  struct Impl;
  explicit DnsStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace nacre::agent_client
