// Datagrams between a guest and the network namespace that it shares: to UDP ports of the guest's programs,
// listened at in the namespace, and from the guest to those of the namespace's.
#pragma once

#include "agent_client/io_loop.hpp"
#include "agent_client/ports_stream.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/port_scan.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace nacre::sandbox {

// Only on the loop's thread. A flow is the socket here of one client in the guest; it ends when it was quiet
// for a minute, or when others need its place.
class PortDatagrams {
public:
  using Datagram = agent_client::v1::PortsFrame::Datagram;

  PortDatagrams(agent_client::IoLoop& loop, int netns_fd, std::function<void(Datagram)> send,
                std::function<void(const std::string&)> warn)
      : loop_(loop), netns_fd_(netns_fd), send_(std::move(send)), warn_(std::move(warn)) {}
  ~PortDatagrams();
  PortDatagrams(const PortDatagrams&) = delete;
  PortDatagrams& operator=(const PortDatagrams&) = delete;

  void listen(const PortMap& guest_ports); // all that there are now, as PortListeners::listen()
  // From the guest. `host_ports`: what it was told of, and reaches.
  void take(const Datagram& datagram, const PortMap& host_ports);
  void drop_quiet(); // to be called now and then

private:
  using Clock = std::chrono::steady_clock;
  struct Listener {
    agent_client::v1::Port port;
    UniqueFd socket; // empty: it could not be had
    agent_client::IoLoop::Id watch = 0;
  };
  struct Flow {
    Datagram answer; // all but its bytes
    UniqueFd socket;
    agent_client::IoLoop::Id watch = 0;
    Clock::time_point last{};
  };
  using Flows = std::map<std::string, Flow>; // by port and peer

  void open(const std::string& key, Listener& listener, bool is_new);
  void arrived(const Listener& listener);
  void answered(const std::string& key);
  Flow* flow_of(const Datagram& datagram);
  void close(Flows::iterator flow);

  agent_client::IoLoop& loop_;
  int netns_fd_;
  std::function<void(Datagram)> send_;
  std::function<void(const std::string&)> warn_;
  std::map<std::string, Listener> listeners_;
  Flows flows_;
};

} // namespace nacre::sandbox
