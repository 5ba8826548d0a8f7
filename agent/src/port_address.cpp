#include "port_address.hpp"

#include "error.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>

namespace nacre::agent {

namespace {

constexpr int backlog = 512;

UniqueFd make_socket(const SocketName& name, bool udp) {
  const int family = name.storage.ss_family;
  UniqueFd socket(::socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw system_error("cannot make a socket for", "a port of the host's");
  const int yes = 1;
  if (family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  if (!udp) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return socket;
}

// Who listens at all addresses is reached at the loopback's.
SocketName server_name(const v1::Port& port) {
  if (port.address().find_first_not_of('\0') != std::string::npos)
    return name_of(port.address(), port.port());
  return name_of(port.address().size() == sizeof(in_addr) ? std::string("\x7f\0\0\1", 4)
                                                          : std::string(15, '\0') + '\1',
                 port.port());
}

} // namespace

std::string SocketName::address() const {
  if (storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage).sin_addr;
    return {reinterpret_cast<const char*>(&in), sizeof in};
  }
  const auto& in = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
  return {reinterpret_cast<const char*>(&in), sizeof in};
}

std::uint16_t SocketName::port() const {
  return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port); // at the same place in both
}

SocketName name_of(const std::string& address, std::uint32_t port) {
  SocketName name;
  if (port > 65535 || (address.size() != sizeof(in_addr) && address.size() != sizeof(in6_addr)))
    throw Error(Code::invalid_argument, "a port has no address of 4 or 16 bytes");
  if (address.size() == sizeof(in_addr)) {
    auto& in = reinterpret_cast<sockaddr_in&>(name.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&in.sin_addr, address.data(), sizeof in.sin_addr);
    name.size = sizeof in;
  } else {
    auto& in = reinterpret_cast<sockaddr_in6&>(name.storage);
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&in.sin6_addr, address.data(), sizeof in.sin6_addr);
    name.size = sizeof in;
  }
  return name;
}

std::string text_of(const v1::Port& port) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool ipv6 = port.address().size() == sizeof(in6_addr);
  ::inet_ntop(ipv6 ? AF_INET6 : AF_INET, port.address().data(), text, sizeof text);
  return std::string(port.udp() ? "UDP port " : "TCP port ") + (ipv6 ? "[" : "") + text +
         (ipv6 ? "]:" : ":") + std::to_string(port.port());
}

UniqueFd listen_at_port(const v1::Port& port) {
  const auto name = name_of(port.address(), port.port());
  UniqueFd socket = make_socket(name, port.udp());
  const bool bound = ::bind(socket.get(), name.get(), name.size) == 0;
  if (!bound && errno == EADDRNOTAVAIL) return {};
  if (!bound || (!port.udp() && ::listen(socket.get(), backlog) < 0))
    throw system_error("cannot listen in the host's place at", text_of(port));
  return socket;
}

UniqueFd connect_to_port(const v1::Port& port) {
  const auto name = server_name(port);
  UniqueFd socket = make_socket(name, port.udp());
  if (::connect(socket.get(), name.get(), name.size) < 0 && errno != EINPROGRESS)
    throw system_error("cannot connect to", text_of(port));
  return socket;
}

} // namespace nacre::agent
