// A port of ports.proto as socket calls want it.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/proto/ports.pb.h"
#include "base/unique_fd.hpp"

#include <string>
#include <sys/socket.h>

namespace nacre::sandbox {

struct SocketName {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  std::string address() const; // 4 or 16 bytes
  std::uint16_t port() const;
};

// Throws Error for an address that is neither of 4 nor of 16 bytes.
SocketName name_of(const std::string& address, std::uint32_t port);
// "127.0.0.1:80", "[::1]:80"; with the protocol: "TCP port [::1]:80".
std::string text_of(const SocketName& name);
std::string text_of(const agent_client::v1::Port& port);

// A socket in the namespace that is bound to the port, listening when it is TCP's. Throws Error.
UniqueFd listen_in_netns(int netns_fd, const agent_client::v1::Port& port);
// One that is connected, or about to be, to whoever listens there. Throws Error.
UniqueFd connect_in_netns(int netns_fd, const agent_client::v1::Port& port);

} // namespace nacre::sandbox
