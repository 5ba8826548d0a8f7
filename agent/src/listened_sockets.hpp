// Sockets of the host's that containers have as mounts: each is one of the guest's at which the agent
// listens. Connections wait until the host takes them (agent.proto, Accept).
#pragma once

#include "event_loop.hpp"
#include "unique_fd.hpp"

#include "agent.pb.h"

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace nacre::agent {

// Who waits for a connection. Called once, on any thread, with no lock held.
class ConnectionTaker {
public:
  virtual ~ConnectionTaker() = default;
  virtual void taken(UniqueFd connection) = 0;
  virtual void socket_gone() = 0;
};

// Thread-safe.
class ListenedSockets {
public:
  explicit ListenedSockets(EventLoop& loop) : loop_(loop) {}
  ListenedSockets(const ListenedSockets&) = delete;
  ListenedSockets& operator=(const ListenedSockets&) = delete;
  ~ListenedSockets();

  void listen(const v1::ListenedSocket& wanted); // throws Error
  // One that listens already, by a name that is no path. Throws Error.
  void add(const std::string& name, UniqueFd listening);
  void close(const std::string& path); // nothing when there is none
  // The next connection that nobody has taken is the taker's, if it still lives then. Throws Error.
  void take(const std::string& path, std::weak_ptr<ConnectionTaker> taker);

private:
  struct Socket {
    UniqueFd fd;
    EventLoop::Token token = 0;
    std::deque<std::weak_ptr<ConnectionTaker>> takers;
  };
  void require_new(const std::string& path) const;
  void keep(const std::string& path, UniqueFd fd);
  void ready(const std::string& path);

  EventLoop& loop_;
  std::mutex mutex_; // guards what follows
  std::map<std::string, Socket> sockets_;
};

} // namespace nacre::agent
