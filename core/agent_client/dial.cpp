#include "agent_client/dial.hpp"

#include "base/error.hpp"
#include "base/unix_socket.hpp"

#include <cerrno>
#include <chrono>
#include <functional>
#include <poll.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h> // wants sys/socket.h before it

namespace nacre::agent_client {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int retry_ms = 10;

// Calls `attempt` until it gives a descriptor, the VMM dies or everything is quiet.
UniqueFd retry(const std::string& object, const HelloOptions& options,
               const std::function<UniqueFd()>& attempt) {
  std::uint64_t sign = options.signs_of_life ? options.signs_of_life() : 0;
  auto last_sign = Clock::now();
  for (;;) {
    if (UniqueFd fd = attempt()) return fd;
    const int error = errno;
    pollfd cancel{options.cancel_fd, POLLIN, 0};
    if (::poll(&cancel, 1, retry_ms) > 0)
      throw Error(ErrorCode::unavailable, "connect to the agent", object)
          .because("the virtual machine has ended");
    if (Clock::now() - last_sign < options.quiet_limit) continue;
    const std::uint64_t now = options.signs_of_life ? options.signs_of_life() : sign;
    if (now == sign)
      throw Error(ErrorCode::deadline_exceeded, "connect to the agent", object).because(errno_text(error));
    sign = now;
    last_sign = Clock::now();
  }
}

UniqueFd try_vsock(unsigned cid, std::uint32_t port) {
  UniqueFd fd(check_errno(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), "make vsock socket"));
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  return UniqueFd();
}

// The relay answers with one line; it is read byte by byte, since what follows is the agent's.
bool accepted(int fd) {
  std::string line;
  while (line.size() < 64) {
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, 10000) <= 0) return false;
    char byte;
    if (::recv(fd, &byte, 1, 0) != 1) return false;
    if (byte == '\n') return line.starts_with("OK");
    line += byte;
  }
  return false;
}

UniqueFd try_hybrid(const sockaddr_un& address, std::uint32_t port) {
  UniqueFd fd(check_errno(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make unix socket"));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0)
    return UniqueFd();
  const std::string request = "CONNECT " + std::to_string(port) + "\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return UniqueFd();
  if (accepted(fd.get())) return fd;
  errno = ECONNREFUSED;
  return UniqueFd();
}

} // namespace

UniqueFd dial_vsock(std::uint64_t cid, std::uint32_t port, const HelloOptions& options) {
  return retry("vsock " + std::to_string(cid) + ":" + std::to_string(port), options,
               [&] { return try_vsock(static_cast<unsigned>(cid), port); });
}

UniqueFd dial_hybrid_vsock(const std::string& path, std::uint32_t port, const HelloOptions& options) {
  const auto address = unix_address(path, "connect to the agent");
  return retry(path, options, [&] { return try_hybrid(address, port); });
}

} // namespace nacre::agent_client
