// A port of ports.proto as socket calls want it.
#pragma once

#include "unique_fd.hpp"

#include "ports.pb.h"

#include <string>
#include <sys/socket.h>

namespace nacre::agent {

struct SocketName {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  std::string address() const; // 4 or 16 bytes
  std::uint16_t port() const;
};

// Throws Error for an address that is neither of 4 nor of 16 bytes.
SocketName name_of(const std::string& address, std::uint32_t port);
// "TCP port 127.0.0.1:80", "UDP port [::1]:80".
std::string text_of(const v1::Port& port);

// A socket that is bound to the port, listening when it is TCP's; empty for an address that the guest does
// not have. Throws Error.
UniqueFd listen_at_port(const v1::Port& port);
// One that is connected, or about to be, to whoever listens there. Throws Error.
UniqueFd connect_to_port(const v1::Port& port);

} // namespace nacre::agent
