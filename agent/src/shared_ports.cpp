#include "shared_ports.hpp"

#include "error.hpp"
#include "port_address.hpp"

#include <algorithm>

namespace nacre::agent {

namespace {

// The kernel tells nobody that a socket listens.
constexpr unsigned pause_ms = 100;

bool same_keys(const PortMap& one, const PortMap& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const auto& a, const auto& b) { return a.first == b.first; });
}

} // namespace

SharedPorts::SharedPorts(EventLoop& loop, ListenedSockets& sockets, Modules& modules)
    : loop_(loop), sockets_(sockets), modules_(modules),
      datagrams_(loop, [this](v1::PortsFrame::Datagram datagram) {
        const std::lock_guard lock(mutex_);
        v1::PortsFrame frame;
        *frame.mutable_datagram() = std::move(datagram);
        if (sink_) sink_->send(std::move(frame));
      }) {}

v1::Port SharedPorts::told(const std::string& text) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, port] : told_)
    if (text_of(port) == text) return port;
  throw Error(Code::not_found, "nothing in the guest listens at " + text);
}

void SharedPorts::attach(std::shared_ptr<PortsSink> sink) {
  std::string problem;
  try {
    for (const auto* module : {"tcp_diag", "udp_diag"}) // what look() asks
      modules_.need(module);
  } catch (const Error& error) {
    problem = error.what();
  }
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
  told_once_ = false;
  if (!problem.empty()) report(problem);
  if (std::exchange(looking_, true)) return;
  loop_.after(0, [this] { look(); });
}

void SharedPorts::detach(const PortsSink* sink) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() == sink) sink_.reset();
}

void SharedPorts::look() {
  const std::lock_guard lock(mutex_);
  looking_ = sink_ != nullptr;
  if (!looking_) return;
  loop_.after(pause_ms, [this] { look(); });
  datagrams_.drop_quiet();
  try {
    auto ports = scan_.look();
    if (told_once_ && same_keys(ports, told_)) return;
    v1::PortsFrame frame;
    auto& list = *frame.mutable_list();
    for (const auto& [key, port] : ports)
      *list.add_ports() = port;
    if (!sink_->send(std::move(frame))) return;
    told_ = std::move(ports);
    told_once_ = true;
    datagrams_.serve(told_);
  } catch (const Error& error) {
    report(error.what());
  }
}

void SharedPorts::report(const std::string& problem) {
  if (std::exchange(last_problem_, problem) == problem) return;
  v1::PortsFrame frame;
  frame.set_problem(problem);
  if (sink_) sink_->send(std::move(frame));
}

void SharedPorts::listen(const PortsSink* sink, const v1::PortsFrame::List& host_ports) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() != sink) return;
  PortMap tcp, udp;
  for (const auto& port : host_ports.ports())
    (port.udp() ? udp : tcp).emplace(text_of(port), port);
  for (const auto& [key, port] : host_ports_)
    if (!tcp.contains(key)) sockets_.close(key);
  std::erase_if(host_ports_, [&](const auto& entry) { return !tcp.contains(entry.first); });
  for (const auto& [key, port] : tcp)
    if (!host_ports_.contains(key)) open(key, port);
  for (const auto& problem : datagrams_.listen(udp))
    report(problem);
}

void SharedPorts::open(const std::string& key, const v1::Port& port) {
  try {
    if (auto socket = listen_at_port(port)) {
      sockets_.add(key, std::move(socket));
      host_ports_.emplace(key, port);
    }
  } catch (const Error& error) {
    report(error.what());
  }
}

void SharedPorts::take(const PortsSink* sink, const v1::PortsFrame::Datagram& datagram) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() == sink) datagrams_.take(datagram);
}

} // namespace nacre::agent
