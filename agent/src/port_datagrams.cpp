#include "port_datagrams.hpp"

#include "error.hpp"
#include "port_address.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <sys/epoll.h>

namespace nacre::agent {

namespace {

constexpr std::chrono::seconds quiet_limit{60};
constexpr std::size_t most_flows = 256;
constexpr std::size_t longest = 65535;

// One datagram; that its peer has gone is nothing to report.
std::optional<std::string> receive(int fd, SocketName* peer) {
  static thread_local std::string buffer(longest, '\0'); // on the loop's thread only
  while (true) {
    const auto got = ::recvfrom(fd, buffer.data(), buffer.size(), 0, peer == nullptr ? nullptr : peer->get(),
                                peer == nullptr ? nullptr : &peer->size);
    if (got >= 0) return buffer.substr(0, static_cast<std::size_t>(got));
    if (errno != ECONNREFUSED && errno != EINTR) return std::nullopt;
  }
}

std::string flow_key(const PortDatagrams::Datagram& datagram) {
  return datagram.port().SerializeAsString() + '/' + datagram.peer_address() +
         std::to_string(datagram.peer_port());
}

} // namespace

PortDatagrams::~PortDatagrams() {
  for (const auto& [key, listener] : listeners_)
    loop_.remove(listener.token, listener.socket.get());
  while (!flows_.empty())
    close(flows_.begin());
}

void PortDatagrams::serve(const PortMap& guest_ports) {
  const std::lock_guard lock(mutex_);
  guest_ports_ = guest_ports;
}

std::vector<std::string> PortDatagrams::listen(const PortMap& host_ports) {
  const std::lock_guard lock(mutex_);
  PortMap wanted;
  for (const auto& [name, port] : host_ports)
    wanted.emplace(port.SerializeAsString(), port);
  std::erase_if(listeners_, [&](const auto& entry) {
    if (wanted.contains(entry.first)) return false;
    loop_.remove(entry.second.token, entry.second.socket.get());
    return true;
  });
  std::vector<std::string> problems;
  for (const auto& [key, port] : wanted) {
    if (listeners_.contains(key)) continue;
    try {
      auto socket = listen_at_port(port);
      if (!socket) continue;
      auto& listener = listeners_[key];
      listener.port = port;
      listener.socket = std::move(socket);
      listener.token = loop_.add(listener.socket.get(), [this, key = key](std::uint32_t) { arrived(key); });
      loop_.arm(listener.token, listener.socket.get(), EPOLLIN);
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  return problems;
}

void PortDatagrams::arrived(const std::string& key) {
  std::optional<Datagram> datagram;
  {
    const std::lock_guard lock(mutex_);
    const auto found = listeners_.find(key);
    if (found == listeners_.end()) return;
    SocketName peer;
    if (auto bytes = receive(found->second.socket.get(), &peer)) {
      datagram.emplace();
      *datagram->mutable_port() = found->second.port;
      datagram->set_peer_address(peer.address());
      datagram->set_peer_port(peer.port());
      datagram->set_bytes(std::move(*bytes));
    }
    loop_.arm(found->second.token, found->second.socket.get(), EPOLLIN);
  }
  if (datagram) send_(std::move(*datagram));
}

void PortDatagrams::take(const Datagram& datagram) {
  const std::lock_guard lock(mutex_);
  const auto key = datagram.port().SerializeAsString();
  const auto& bytes = datagram.bytes();
  try {
    if (!datagram.answer()) {
      if (!guest_ports_.contains(key)) return;
      const auto* flow = flow_of(datagram);
      ::send(flow->socket.get(), bytes.data(), bytes.size(), 0);
      return;
    }
    const auto listener = listeners_.find(key);
    if (listener == listeners_.end()) return;
    const auto peer = name_of(datagram.peer_address(), datagram.peer_port());
    ::sendto(listener->second.socket.get(), bytes.data(), bytes.size(), 0, peer.get(), peer.size);
  } catch (const Error&) {
    // as a datagram that is lost on its way
  }
}

PortDatagrams::Flow* PortDatagrams::flow_of(const Datagram& datagram) {
  const auto key = flow_key(datagram);
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
  flow.socket = connect_to_port(datagram.port());
  flow.answer = datagram;
  flow.answer.clear_bytes();
  flow.answer.set_answer(true);
  flow.last = now;
  flow.token = loop_.add(flow.socket.get(), [this, key](std::uint32_t) { answered(key); });
  loop_.arm(flow.token, flow.socket.get(), EPOLLIN);
  return &flows_.emplace(key, std::move(flow)).first->second;
}

void PortDatagrams::answered(const std::string& key) {
  std::optional<Datagram> datagram;
  {
    const std::lock_guard lock(mutex_);
    const auto found = flows_.find(key);
    if (found == flows_.end()) return;
    auto& flow = found->second;
    if (auto bytes = receive(flow.socket.get(), nullptr)) {
      flow.last = Clock::now();
      datagram = flow.answer;
      datagram->set_bytes(std::move(*bytes));
    }
    loop_.arm(flow.token, flow.socket.get(), EPOLLIN);
  }
  if (datagram) send_(std::move(*datagram));
}

void PortDatagrams::close(Flows::iterator flow) {
  loop_.remove(flow->second.token, flow->second.socket.get());
  flows_.erase(flow);
}

void PortDatagrams::drop_quiet() {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    const auto next = std::next(flow);
    if (now - flow->second.last > quiet_limit) close(flow);
    flow = next;
  }
}

} // namespace nacre::agent
