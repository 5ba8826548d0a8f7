// The ports of a network namespace that a guest shares with processes on the host (--net=host,
// --net=container:X): programs on both sides find each other as if one kernel had them all. What listens in
// the guest is listened for in the namespace, and the other way round; what leaves the host goes by the NIC
// that a network plugin made. Nothing of the namespace is changed: sockets are all that is made.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/io_loop.hpp"
#include "agent_client/ports_stream.hpp"
#include "sandbox/port_calls.hpp"
#include "sandbox/port_datagrams.hpp"
#include "sandbox/port_listeners.hpp"
#include "sandbox/port_scan.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace nacre::sandbox {

// From any thread but the loop's.
class PodPorts {
public:
  // The agent has answered. `netns_fd` is borrowed and stays open. `warn` is called on the loop's thread.
  PodPorts(agent_client::IoLoop& loop, int netns_fd, std::shared_ptr<agent_client::AgentClient> client,
           std::function<void(const std::string&)> warn);
  ~PodPorts();
  PodPorts(const PodPorts&) = delete;
  PodPorts& operator=(const PodPorts&) = delete;

private:
  void look() noexcept; // these on the loop's thread
  void tell(PortMap ports);
  void follow_guest(const agent_client::v1::PortsFrame::List& list);

  agent_client::IoLoop& loop_;
  std::function<void(const std::string&)> warn_;
  PortScan scan_;
  PortMap host_ports_, guest_ports_;
  unsigned looks_ = 0;
  std::optional<PortCalls> calls_;
  std::optional<PortListeners> listeners_;
  std::optional<PortDatagrams> datagrams_;
  std::shared_ptr<agent_client::PortsStream> stream_;
  agent_client::IoLoop::Id timer_ = 0;
  std::string last_problem_;
};

} // namespace nacre::sandbox
