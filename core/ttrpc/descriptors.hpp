// Descriptors beside ttrpc: what `nacre create` and `exec` inherit travels over a SOCK_SEQPACKET socket, and
// the Task call names it as fd://TOKEN/SLOT (docs/architecture.md).
#pragma once

#include "base/unique_fd.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nacre::ttrpc {

inline constexpr std::uint32_t descriptor_protocol_version = 1; // state.json: protocols.fd
inline constexpr std::uint32_t slot_stdin = 0;
inline constexpr std::uint32_t slot_stdout = 1;
inline constexpr std::uint32_t slot_stderr = 2;
inline constexpr std::uint32_t slot_holder = 3;           // the holder's control socket, our end
inline constexpr std::uint32_t slot_preserved = 4;        // and up: --preserve-fds, in order
inline constexpr std::size_t bundle_descriptors_max = 64; // a packet carries no more

struct PassedDescriptor {
  std::uint32_t slot;
  int fd; // borrowed
};

// 32 hex digits from the kernel's random source.
std::string make_token();

// "fd://TOKEN/SLOT", what a Task call's stdin, stdout and stderr say.
std::string descriptor_uri(std::string_view token, std::uint32_t slot);

// A connection to a sandbox's descriptor socket. Keep it open until the Task call that names the token has
// answered: bundles that no call has taken are closed with it.
class DescriptorConnection {
public:
  // Throws Error as Client::connect does.
  static DescriptorConnection connect(const std::string& descriptor_socket_path);

  // Sends the descriptors under a new token and returns it, once the sandbox process has them.
  std::string send(std::span<const PassedDescriptor> descriptors);

  int fd() const { return socket_.get(); }

private:
  explicit DescriptorConnection(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

// One packet with descriptors; both ends of the descriptor socket use these. They throw Error.
void send_packet(int socket, std::string_view payload, std::span<const int> descriptors);
struct Packet {
  std::string payload;
  std::vector<UniqueFd> descriptors; // close-on-exec
  bool end = false;                  // the peer has closed
};
// `flags` as for recvmsg. Throws Error(invalid_argument) for a packet longer than 4 KiB or with more than 64
// descriptors, whose descriptors are closed.
Packet receive_packet(int socket, int flags);

} // namespace nacre::ttrpc
