#include "channel.hpp"

#include "device_wait.hpp"
#include "error.hpp"
#include "greeting.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace nacre::agent {

namespace {

constexpr unsigned agent_port = 1024;
constexpr timeval hello_timeout = {5, 0}; // of one connection that says nothing, while others wait

bool receive_exactly(int fd, void* buffer, std::size_t size) {
  return ::recv(fd, buffer, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

// A connection is a fresh channel, so its hello stands at its beginning, with the first key.
std::optional<std::string> receive_hello(int fd) {
  HelloKey key{};
  unsigned char length_bytes[4];
  if (!receive_exactly(fd, key.data(), key.size()) || key != first_hello_key) return std::nullopt;
  if (!receive_exactly(fd, length_bytes, sizeof length_bytes)) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = sizeof length_bytes; i-- > 0;)
    length = length << 8U | length_bytes[i];
  if (length > largest_hello) return std::nullopt;
  std::string hello(length, '\0');
  if (!receive_exactly(fd, hello.data(), length)) return std::nullopt;
  return hello;
}

class VsockChannel : public Channel {
public:
  explicit VsockChannel(UniqueFd listener) : listener_(std::move(listener)) {}

  [[noreturn]] void serve(const Callbacks& callbacks) override {
    while (true) {
      sockaddr_vm peer{};
      socklen_t size = sizeof peer;
      UniqueFd connection(
          ::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC));
      if (!connection) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        throw system_error("cannot accept on", "vsock port");
      }
      // A container may reach the same port over the guest's own loopback.
      if (peer.svm_cid == VMADDR_CID_HOST) greet(std::move(connection), callbacks);
    }
  }

private:
  void greet(UniqueFd connection, const Callbacks& callbacks) {
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &hello_timeout, sizeof hello_timeout);
    const auto hello = receive_hello(connection.get());
    if (!hello) return;
    const auto greeting = answer_hello(*hello, resumed_);
    const auto sent = ::send(connection.get(), greeting.answer.data(), greeting.answer.size(), MSG_NOSIGNAL);
    if (!greeting.accepted || sent != static_cast<ssize_t>(greeting.answer.size())) return;
    // The duplicate ends the connection when the next one comes; gRPC owns the other.
    if (current_) ::shutdown(current_.get(), SHUT_RDWR);
    current_.reset(::fcntl(connection.get(), F_DUPFD_CLOEXEC, 3));
    constexpr timeval no_timeout{};
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &no_timeout, sizeof no_timeout);
    resumed_ = true;
    callbacks.connected(std::move(connection), greeting.stdio_window);
  }

  UniqueFd listener_;
  UniqueFd current_;
  bool resumed_ = false;
};

bool has_local_address() {
  const UniqueFd device(::open("/dev/vsock", O_RDONLY | O_CLOEXEC));
  unsigned cid = VMADDR_CID_ANY;
  return device && ::ioctl(device.get(), IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) == 0 && cid != VMADDR_CID_ANY;
}

} // namespace

std::unique_ptr<Channel> open_vsock_channel() {
  // A socket listens without a device too, and nobody would ever come.
  wait_for_device("vsock device", "of the agent's channel", has_local_address);
  UniqueFd listener(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = agent_port;
  if (!listener || ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(listener.get(), 4) < 0) {
    throw system_error("cannot listen on vsock port", std::to_string(agent_port));
  }
  return std::make_unique<VsockChannel>(std::move(listener));
}

} // namespace nacre::agent
