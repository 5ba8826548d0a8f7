#include "sandbox/port_datagrams.hpp"

#include "base/error.hpp"
#include "sandbox/port_address.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sys/epoll.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto quiet_limit = 60s;
constexpr std::size_t most_flows = 256;
constexpr std::size_t longest = 65535;

// One datagram; a peer that has gone (ECONNREFUSED) is nothing to report. Nullopt: there is none now.
std::optional<std::string> receive(int fd, SocketName* peer) {
  static thread_local std::string buffer(longest, '\0');
  while (true) {
    const ssize_t got = ::recvfrom(fd, buffer.data(), buffer.size(), 0, peer ? peer->get() : nullptr,
                                   peer ? &peer->size : nullptr);
    if (got >= 0) return buffer.substr(0, static_cast<std::size_t>(got));
    if (errno != ECONNREFUSED && errno != EINTR) return std::nullopt;
  }
}

std::string key_of(const PortDatagrams::Datagram& datagram) {
  return datagram.port().SerializeAsString() + '/' + datagram.peer_address() +
         std::to_string(datagram.peer_port());
}

} // namespace

PortDatagrams::~PortDatagrams() {
  for (const auto& [key, listener] : listeners_)
    loop_.remove(listener.watch);
  while (!flows_.empty())
    close(flows_.begin());
}

void PortDatagrams::listen(const PortMap& guest_ports) {
  std::erase_if(listeners_, [&](const auto& entry) {
    if (guest_ports.contains(entry.first)) return false;
    loop_.remove(entry.second.watch);
    return true;
  });
  for (const auto& [key, port] : guest_ports) {
    if (!port.udp()) continue;
    const auto [entry, is_new] = listeners_.try_emplace(key);
    entry->second.port = port;
    if (!entry->second.socket) open(key, entry->second, is_new);
  }
}

void PortDatagrams::open(const std::string& key, Listener& listener, bool is_new) {
  try {
    listener.socket = listen_in_netns(netns_fd_, listener.port);
    listener.watch = loop_.add(listener.socket.get(), EPOLLIN,
                               [this, key](std::uint32_t) { arrived(listeners_.at(key)); });
  } catch (const Error& error) {
    if (is_new && error.error_number() != EADDRNOTAVAIL)
      warn_(std::string(error.what()) + "; a program in the guest has this port, and is not reached at it");
  }
}

void PortDatagrams::arrived(const Listener& listener) {
  SocketName peer;
  auto bytes = receive(listener.socket.get(), &peer);
  if (!bytes) return;
  Datagram datagram;
  *datagram.mutable_port() = listener.port;
  datagram.set_peer_address(peer.address());
  datagram.set_peer_port(peer.port());
  datagram.set_bytes(std::move(*bytes));
  send_(std::move(datagram));
}

void PortDatagrams::take(const Datagram& datagram, const PortMap& host_ports) {
  const auto key = datagram.port().SerializeAsString();
  const auto& bytes = datagram.bytes();
  try {
    if (!datagram.answer()) {
      if (!host_ports.contains(key)) return;
      if (const Flow* flow = flow_of(datagram)) ::send(flow->socket.get(), bytes.data(), bytes.size(), 0);
      return;
    }
    const auto listener = listeners_.find(key);
    if (listener == listeners_.end() || !listener->second.socket) return;
    const auto peer = name_of(datagram.peer_address(), datagram.peer_port());
    ::sendto(listener->second.socket.get(), bytes.data(), bytes.size(), 0, peer.get(), peer.size);
  } catch (const Error&) {
    // as a datagram that is lost on its way
  }
}

PortDatagrams::Flow* PortDatagrams::flow_of(const Datagram& datagram) {
  const auto key = key_of(datagram);
  const auto now = Clock::now();
  if (const auto known = flows_.find(key); known != flows_.end()) {
    known->second.last = now;
    return &known->second;
  }
  if (flows_.size() >= most_flows)
    close(std::min_element(flows_.begin(), flows_.end(), [](const auto& one, const auto& other) {
      return one.second.last < other.second.last;
    }));
  Flow flow;
  flow.socket = connect_in_netns(netns_fd_, datagram.port());
  flow.answer = datagram;
  flow.answer.clear_bytes();
  flow.answer.set_answer(true);
  flow.last = now;
  flow.watch = loop_.add(flow.socket.get(), EPOLLIN, [this, key](std::uint32_t) { answered(key); });
  return &flows_.emplace(key, std::move(flow)).first->second;
}

void PortDatagrams::answered(const std::string& key) {
  auto& flow = flows_.at(key);
  auto bytes = receive(flow.socket.get(), nullptr);
  if (!bytes) return;
  flow.last = Clock::now();
  Datagram datagram = flow.answer;
  datagram.set_bytes(std::move(*bytes));
  send_(std::move(datagram));
}

void PortDatagrams::close(Flows::iterator flow) {
  loop_.remove(flow->second.watch);
  flows_.erase(flow);
}

void PortDatagrams::drop_quiet() {
  const auto now = Clock::now();
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    const auto next = std::next(flow);
    if (now - flow->second.last > quiet_limit) close(flow);
    flow = next;
  }
}

} // namespace nacre::sandbox
