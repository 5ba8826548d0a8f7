// A byte stream to something in the guest (agent.proto, TunnelFrame), with a socket of the host's at its
// other end. One piece is under way in each direction: a side that does not read stops the other, and nothing
// grows.
#pragma once

#include "agent_client/agent_client.hpp"
#include "base/unique_fd.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace nacre::agent_client {

// Only on the loop's thread. Lives until its end was told and what came before has been written.
class Tunnel {
public:
  struct Callbacks {
    std::function<void()> answered; // once: the agent's first frame has come
    // Once, the last call; empty: the agent ended it in order.
    std::function<void(const std::optional<Error>&)> ended;
  };

  // `method` is a call of the agent's that streams TunnelFrames. `purpose`: for errors, "open the debug
  // console".
  static std::shared_ptr<Tunnel> open(std::shared_ptr<AgentClient> client, const char* method,
                                      const v1::TunnelFrame::Open& first, std::string purpose,
                                      Callbacks callbacks);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // Once. A connected stream socket that nobody else has; what the agent sends meanwhile waits there. When
  // its peer has closed it, the tunnel ends as soon as the guest has what the peer sent.
  void join(UniqueFd socket);
  void cancel(); // closes everything as it is; no callback follows

private:
  struct Impl;
  explicit Tunnel(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

} // namespace nacre::agent_client
