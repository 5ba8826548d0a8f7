#include "sandbox/port_address.hpp"

#include "base/error.hpp"
#include "sandbox/netns_scan.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>

namespace nacre::sandbox {
namespace {

using agent_client::v1::Port;

constexpr int backlog = 512;

UniqueFd make_socket(int netns_fd, const SocketName& name, bool udp) {
  UniqueFd socket =
      socket_in_netns(netns_fd, name.family(), (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
  const int yes = 1;
  // Each family's port is a port of its own here.
  if (name.family() == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  // Past connections of a server are no reason to refuse its next one the port. UDP's meaning of it is to
  // share a port with who has it already.
  if (!udp) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return socket;
}

// Who listens at all addresses is reached at the loopback's.
SocketName server_name(const Port& port) {
  if (port.address() == std::string(4, '\0')) return name_of(std::string("\x7f\0\0\1", 4), port.port());
  if (port.address() == std::string(16, '\0')) return name_of(std::string(15, '\0') + '\1', port.port());
  return name_of(port.address(), port.port());
}

} // namespace

std::string SocketName::address() const {
  if (family() == AF_INET) {
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
    throw Error(ErrorCode::invalid_argument, "use a port that the guest names").because("it is none");
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

std::string text_of(const SocketName& name) {
  char text[INET6_ADDRSTRLEN] = "";
  const auto address = name.address();
  ::inet_ntop(name.family(), address.data(), text, sizeof text);
  const auto number = ":" + std::to_string(name.port());
  return name.family() == AF_INET6 ? "[" + std::string(text) + "]" + number : text + number;
}

std::string text_of(const Port& port) {
  return (port.udp() ? "UDP port " : "TCP port ") + text_of(name_of(port.address(), port.port()));
}

UniqueFd listen_in_netns(int netns_fd, const Port& port) {
  const auto name = name_of(port.address(), port.port());
  UniqueFd socket = make_socket(netns_fd, name, port.udp());
  check_errno(::bind(socket.get(), name.get(), name.size), "listen for the guest at", text_of(port));
  if (!port.udp()) check_errno(::listen(socket.get(), backlog), "listen for the guest at", text_of(port));
  return socket;
}

UniqueFd connect_in_netns(int netns_fd, const Port& port) {
  const auto name = server_name(port);
  UniqueFd socket = make_socket(netns_fd, name, port.udp());
  if (::connect(socket.get(), name.get(), name.size) < 0 && errno != EINPROGRESS)
    throw_errno("connect the guest to", text_of(port));
  return socket;
}

} // namespace nacre::sandbox
