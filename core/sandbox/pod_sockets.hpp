// Unix sockets of the host's that containers have as mounts. The agent listens at sockets of the guest's;
// each connection there comes as a stream of its connection, and is one to the host's socket, made by the
// sandbox process. A socket is served for as long as its container is there.
//
// The guest is not trusted: which sockets it reaches was decided before (require_relayed()), and how many
// connections it has at once is bounded here, by not taking more.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/io_loop.hpp"
#include "agent_client/tunnel.hpp"
#include "sandbox/host_socket.hpp"
#include "sandbox/mount_choice.hpp"

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nacre::sandbox {

struct RelayedSocket {
  std::size_t mount = 0; // its index among the container's mounts
  HostSocket host;
  std::string guest_path;
};

// Of all mounts that are sockets. Throws Error for one that is not to be relayed.
std::vector<RelayedSocket> choose_sockets(const std::vector<GuestMountChoice>& choices,
                                          const config::StringList& patterns);

// From any thread.
class PodSockets {
public:
  // `warn` is called on the loop's thread.
  PodSockets(agent_client::IoLoop& loop, std::function<void(const std::string&)> warn);
  ~PodSockets() { stop(); }
  PodSockets(const PodSockets&) = delete;
  PodSockets& operator=(const PodSockets&) = delete;

  // The guest listens.
  void serve(std::shared_ptr<agent_client::AgentClient> client, const std::string& container_id,
             std::vector<RelayedSocket> sockets);
  // Before the container goes; its connections are closed. Nothing for one that has none.
  void drop(const std::string& container_id) noexcept;
  // Idempotent; before the connection ends.
  void stop() noexcept;

private:
  struct Connection {
    std::shared_ptr<agent_client::Tunnel> tunnel;
    agent_client::IoLoop::Id retry = 0; // while the server's backlog is full
    unsigned tries = 0;
  };
  struct Served { // one socket
    std::shared_ptr<agent_client::AgentClient> client;
    std::string container_id;
    RelayedSocket socket;
    std::list<Connection> connections; // the one that waits for its beginning too
    bool waits = false;                // there is one
    bool failing = false;              // the last connection failed, and that was told
  };
  using Place = std::list<Served>::iterator;
  using Which = std::list<Connection>::iterator;

  void take_next(Place served); // these on the loop's thread
  void connect(Place served, Which connection);
  void ended(Place served, Which connection, const std::optional<Error>& error);
  void close(Served& served);

  agent_client::IoLoop& loop_;
  std::function<void(const std::string&)> warn_;
  std::list<Served> served_;
};

} // namespace nacre::sandbox
