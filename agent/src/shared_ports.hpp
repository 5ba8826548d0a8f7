// The guest's end of a network that is shared with a namespace on the host (ports.proto): tells what
// listens here, listens here for what listens there, and carries datagrams.
#pragma once

#include "event_loop.hpp"
#include "listened_sockets.hpp"
#include "modules.hpp"
#include "port_datagrams.hpp"
#include "port_scan.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace nacre::agent {

// Where frames go. Thread-safe; must not call back. False: too many wait, and it was dropped.
class PortsSink {
public:
  virtual ~PortsSink() = default;
  virtual bool send(v1::PortsFrame frame) = 0;
};

// Thread-safe.
class SharedPorts {
public:
  SharedPorts(EventLoop& loop, ListenedSockets& sockets, Modules& modules);

  // Without a sink nothing is looked at. A new one replaces the old.
  void attach(std::shared_ptr<PortsSink> sink);
  void detach(const PortsSink* sink); // nothing if another one has replaced it
  void listen(const PortsSink* sink, const v1::PortsFrame::List& host_ports); // complete
  void take(const PortsSink* sink, const v1::PortsFrame::Datagram& datagram);

  // The port of the guest's that the host was told of, by its text. Throws Error.
  v1::Port told(const std::string& text);

private:
  void look();
  void open(const std::string& key, const v1::Port& port);
  void report(const std::string& problem);

  EventLoop& loop_;
  ListenedSockets& sockets_;
  Modules& modules_;
  std::mutex mutex_; // guards all below
  std::shared_ptr<PortsSink> sink_;
  bool looking_ = false; // look() comes again
  PortScan scan_;
  PortMap told_;
  bool told_once_ = false;
  PortMap host_ports_; // of TCP, that are listened for
  std::string last_problem_;
  PortDatagrams datagrams_;
};

} // namespace nacre::agent
