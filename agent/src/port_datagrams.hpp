// Datagrams of a network that is shared with a namespace on the host: from the guest to UDP ports there, for
// which the agent listens here, and from there to those of the guest's programs.
#pragma once

#include "event_loop.hpp"
#include "port_scan.hpp"
#include "unique_fd.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::agent {

// Thread-safe. A flow is the socket here of one client there; it ends when it was quiet for a minute, or when
// others need its place.
class PortDatagrams {
public:
  using Datagram = v1::PortsFrame::Datagram;
  // `send` is called on the loop's thread, with no lock held.
  PortDatagrams(EventLoop& loop, std::function<void(Datagram)> send) : loop_(loop), send_(std::move(send)) {}
  PortDatagrams(const PortDatagrams&) = delete;
  PortDatagrams& operator=(const PortDatagrams&) = delete;
  ~PortDatagrams();

  void serve(const PortMap& guest_ports); // what the host may reach here
  // All that there are now, by any key. Returns what went wrong.
  std::vector<std::string> listen(const PortMap& host_ports);
  void take(const Datagram& datagram);
  void drop_quiet();

private:
  using Clock = std::chrono::steady_clock;
  struct Listener {
    v1::Port port;
    UniqueFd socket;
    EventLoop::Token token = 0;
  };
  struct Flow {
    Datagram answer; // all but its bytes
    UniqueFd socket;
    EventLoop::Token token = 0;
    Clock::time_point last{};
  };
  using Flows = std::map<std::string, Flow>;

  void arrived(const std::string& key);
  void answered(const std::string& key);
  Flow* flow_of(const Datagram& datagram);
  void close(Flows::iterator flow);

  EventLoop& loop_;
  std::function<void(Datagram)> send_;
  std::mutex mutex_; // guards all below
  std::map<std::string, Listener> listeners_;
  Flows flows_;
  PortMap guest_ports_;
};

} // namespace nacre::agent
