// How the host reaches the agent. A channel finds the hellos, answers them, and gives each connection to the
// gRPC server as a connected socket; a new connection ends the one before.
#pragma once

#include "unique_fd.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace nacre::agent {

class Channel {
public:
  struct Callbacks {
    // A connection is there; gRPC reads and writes `socket`, which is the callee's now.
    std::function<void(UniqueFd socket, std::size_t stdio_window)> connected;
  };

  virtual ~Channel() = default;
  // Serves for ever on the calling thread. Throws Error when the channel has become unusable.
  [[noreturn]] virtual void serve(const Callbacks& callbacks) = 0;
};

// The virtio-serial port `nacre.agent.0`. Waits for the device. Throws Error.
std::unique_ptr<Channel> open_port_channel();
// A listener on vsock port 1024 that accepts the host alone. Throws Error.
std::unique_ptr<Channel> open_vsock_channel();

} // namespace nacre::agent
