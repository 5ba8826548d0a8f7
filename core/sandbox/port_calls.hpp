// Connections that the guest makes to TCP ports of the network namespace that it shares. The agent listens
// there in the guest; each connection comes as a stream of its connection, and is one in the namespace.
#pragma once

#include "agent_client/io_loop.hpp"
#include "agent_client/tunnel.hpp"
#include "sandbox/port_scan.hpp"

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace nacre::sandbox {

// Only on the loop's thread. The guest is not trusted: how many connections it has at once is bounded by not
// taking more.
class PortCalls {
public:
  PortCalls(int netns_fd, std::shared_ptr<agent_client::AgentClient> client)
      : netns_fd_(netns_fd), client_(std::move(client)) {}
  ~PortCalls();
  PortCalls(const PortCalls&) = delete;
  PortCalls& operator=(const PortCalls&) = delete;

  // All that there are; connections to those that are not in it any more go on. Also to be called again after
  // a while: where the guest could not listen, it is asked anew.
  void take(const PortMap& ports);

private:
  using Clock = std::chrono::steady_clock;
  struct Served { // one port
    agent_client::v1::Port port;
    std::shared_ptr<agent_client::Tunnel> waiting; // for the next connection
    Clock::time_point not_before{};                // the guest could not listen
  };
  using Connections = std::list<std::shared_ptr<agent_client::Tunnel>>;

  void take_next(const std::string& key);
  std::optional<Connections::iterator> taken(const std::string& key);

  int netns_fd_;
  std::shared_ptr<agent_client::AgentClient> client_;
  std::map<std::string, Served> served_;
  Connections connections_;
};

} // namespace nacre::sandbox
