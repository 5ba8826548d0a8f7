#include "sandbox/port_listeners.hpp"

#include "base/error.hpp"
#include "sandbox/port_address.hpp"

#include <cerrno>
#include <optional>
#include <sys/epoll.h>

namespace nacre::sandbox {
namespace {

constexpr std::size_t most_connections = 1024; // further ones are closed at once

} // namespace

PortListeners::~PortListeners() {
  for (const auto& [key, listener] : listeners_)
    loop_.remove(listener.watch);
  for (const auto& connection : connections_)
    connection->cancel();
}

void PortListeners::listen(const PortMap& ports) {
  std::erase_if(listeners_, [&](const auto& entry) {
    if (ports.contains(entry.first)) return false;
    loop_.remove(entry.second.watch);
    return true;
  });
  for (const auto& [key, port] : ports) {
    if (port.udp()) continue;
    const auto [entry, is_new] = listeners_.try_emplace(key);
    entry->second.port = port;
    if (!entry->second.socket) open(key, entry->second, is_new);
  }
}

void PortListeners::open(const std::string& key, Listener& listener, bool is_new) {
  try {
    listener.socket = listen_in_netns(netns_fd_, listener.port);
    listener.watch = loop_.add(listener.socket.get(), EPOLLIN, [this, key](std::uint32_t) { accept(key); });
  } catch (const Error& error) {
    // An address that the guest alone has is nobody's business here.
    if (is_new && error.error_number() != EADDRNOTAVAIL)
      warn_(std::string(error.what()) + "; a program in the guest has this port, and is not reached at it");
  }
}

void PortListeners::accept(const std::string& key) {
  const auto& listener = listeners_.at(key);
  while (true) {
    UniqueFd connection(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection) return;
    if (connections_.size() < most_connections) carry(std::move(connection), text_of(listener.port));
  }
}

void PortListeners::carry(UniqueFd connection, const std::string& port) {
  agent_client::v1::TunnelFrame::Open open;
  open.set_service("connect");
  open.set_path(port);
  const auto place = connections_.insert(connections_.end(), nullptr);
  agent_client::Tunnel::Callbacks callbacks;
  callbacks.ended = [this, place](const std::optional<Error>&) { connections_.erase(place); };
  *place = agent_client::Tunnel::open(client_, "Accept", open, "carry a connection to the guest",
                                      std::move(callbacks));
  (*place)->join(std::move(connection));
}

} // namespace nacre::sandbox
