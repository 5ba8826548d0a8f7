// The stream of the agent's that tells who listens where, and carries datagrams (ports.proto).
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/proto/ports.pb.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nacre::agent_client {

// Only on the loop's thread. Lives until its end was told.
class PortsStream {
public:
  struct Callbacks {
    std::function<void(const v1::PortsFrame::List& list)> list; // of the guest's, complete
    std::function<void(v1::PortsFrame::Datagram&& datagram)> datagram;
    std::function<void(const std::string& problem)> problem; // the guest cannot listen in the host's place
    // Once, the last call; empty: the agent ended it in order.
    std::function<void(const std::optional<Error>&)> ended;
  };

  static std::shared_ptr<PortsStream> open(std::shared_ptr<AgentClient> client, Callbacks callbacks);
  ~PortsStream();
  PortsStream(const PortsStream&) = delete;
  PortsStream& operator=(const PortsStream&) = delete;

  void tell(const v1::PortsFrame::List& list); // of the host's, complete
  // Dropped, as a network does, while too many wait for the guest.
  void send(v1::PortsFrame::Datagram datagram);
  void cancel(); // no callback follows

private:
  struct Impl;
  explicit PortsStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace nacre::agent_client
