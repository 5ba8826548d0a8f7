// TCP ports that programs in the guest listen at, listened at in the network namespace that the guest shares:
// each connection there is carried to the guest's program.
#pragma once

#include "agent_client/io_loop.hpp"
#include "agent_client/tunnel.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/port_scan.hpp"

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

namespace nacre::sandbox {

// Only on the loop's thread.
class PortListeners {
public:
  PortListeners(agent_client::IoLoop& loop, int netns_fd, std::shared_ptr<agent_client::AgentClient> client,
                std::function<void(const std::string&)> warn)
      : loop_(loop), netns_fd_(netns_fd), client_(std::move(client)), warn_(std::move(warn)) {}
  ~PortListeners();
  PortListeners(const PortListeners&) = delete;
  PortListeners& operator=(const PortListeners&) = delete;

  // All that there are now. One that somebody in the namespace has already is told of, once, and tried again
  // with each call.
  void listen(const PortMap& ports);

private:
  struct Listener {
    agent_client::v1::Port port;
    UniqueFd socket; // empty: it could not be had
    agent_client::IoLoop::Id watch = 0;
  };
  using Connections = std::list<std::shared_ptr<agent_client::Tunnel>>;

  void open(const std::string& key, Listener& listener, bool is_new);
  void accept(const std::string& key);
  void carry(UniqueFd connection, const std::string& port);

  agent_client::IoLoop& loop_;
  int netns_fd_;
  std::shared_ptr<agent_client::AgentClient> client_;
  std::function<void(const std::string&)> warn_;
  std::map<std::string, Listener> listeners_;
  Connections connections_;
};

} // namespace nacre::sandbox
