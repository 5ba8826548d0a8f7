// The packets between nacre-launch and who started it.
#pragma once

#include "base/unique_fd.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace nacre::launch {

class LaunchReply;
class LaunchError;

// A pair of connected SOCK_SEQPACKET sockets, close-on-exec.
std::pair<UniqueFd, UniqueFd> make_control_pair();

// One packet with descriptors (borrowed). Throws Error.
void send_orders(int socket, std::string_view bytes, const std::vector<UniqueFd>& fds);

struct ControlPacket {
  std::string bytes;
  std::vector<UniqueFd> fds; // close-on-exec
  pid_t sender = 0;          // only with SO_PASSCRED on the socket
};
// Blocks. Empty at the end of the connection. Throws Error.
std::optional<ControlPacket> receive_packet(int socket);

// Starts nacre-launch with `socket` as its descriptor 3 and nothing else of ours. Throws Error.
pid_t start_launch_program(const std::string& path, const char* mode, const std::vector<std::string>& argv,
                           int socket);

UniqueFd open_pidfd(pid_t pid); // throws Error

// The words of a failed step.
LaunchError to_error(const std::string& role, const LaunchReply& reply);

} // namespace nacre::launch
