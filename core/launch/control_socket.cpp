#include "launch/control_socket.hpp"

#include "launch/launch_error.hpp"
#include "launch/proto/plan.pb.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace nacre::launch {
namespace {

constexpr std::size_t descriptors_max = 253; // SCM_MAX_FD

// A packet must fit the send buffer as a whole; a hook's environment may be larger than the default one.
void make_room(int socket, std::size_t size) {
  if (size < 64 * 1024) return;
  const int wanted = static_cast<int>(size) + 64 * 1024;
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted)) < 0)
    ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
}

void attach(msghdr& header, std::vector<char>& control, const std::vector<UniqueFd>& fds) {
  if (fds.empty()) return;
  control.resize(CMSG_SPACE(sizeof(int) * fds.size()));
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
  for (std::size_t index = 0; index < fds.size(); ++index) {
    const int fd = fds[index].get();
    std::memcpy(CMSG_DATA(rights) + index * sizeof(int), &fd, sizeof(int));
  }
}

void detach(msghdr& header, ControlPacket& packet) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials;
      std::memcpy(&credentials, CMSG_DATA(part), sizeof(credentials));
      packet.sender = credentials.pid;
    }
    if (part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count; ++index) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + index * sizeof(int), sizeof(int));
      packet.fds.emplace_back(fd);
    }
  }
}

// posix_spawn's two sets, freed in any case.
struct SpawnSettings {
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

} // namespace

std::pair<UniqueFd, UniqueFd> make_control_pair() {
  int ends[2];
  check_errno(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "make launcher socket");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void send_orders(int socket, std::string_view bytes, const std::vector<UniqueFd>& fds) {
  if (fds.size() > descriptors_max)
    throw Error(ErrorCode::invalid_argument, "send orders to nacre-launch")
        .because(std::to_string(fds.size()) + " descriptors, the kernel passes 253 at most");
  make_room(socket, bytes.size());
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  std::vector<char> control;
  attach(header, control, fds);
  ssize_t sent;
  while ((sent = ::sendmsg(socket, &header, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
  }
  check_errno(sent, "send orders to nacre-launch");
}

std::optional<ControlPacket> receive_packet(int socket) {
  char bytes[8192];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 16) + CMSG_SPACE(sizeof(ucred))];
  iovec part{bytes, sizeof(bytes)};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  ssize_t size;
  while ((size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (size == 0 || (size < 0 && errno == ECONNRESET)) return {};
  check_errno(size, "receive from nacre-launch");
  ControlPacket packet;
  packet.bytes.assign(bytes, static_cast<std::size_t>(size));
  detach(header, packet);
  return packet;
}

pid_t start_launch_program(const std::string& path, const char* mode, const std::vector<std::string>& argv,
                           int socket) {
  SpawnSettings settings;
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&settings.attributes, &none);
  ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
  ::posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawn_file_actions_adddup2(&settings.files, socket, 3);
  ::posix_spawn_file_actions_addclosefrom_np(&settings.files, 4);

  std::vector<char*> arguments;
  for (const auto& argument : argv)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const std::string variable = std::string("NACRE_LAUNCH_MODE=") + mode;
  char* environment[] = {const_cast<char*>(variable.c_str()), nullptr};
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, path.c_str(), &settings.files, &settings.attributes, arguments.data(), environment);
  if (error != 0) {
    auto failure = Error::from_errno(error, "start", path);
    if (error == ENOENT) failure.hint("it belongs to Nacre: install the package again");
    throw failure;
  }
  return pid;
}

UniqueFd open_pidfd(pid_t pid) {
  // Always close-on-exec.
  return UniqueFd(
      static_cast<int>(check_errno(::syscall(SYS_pidfd_open, pid, 0), "open process", std::to_string(pid))));
}

LaunchError to_error(const std::string& role, const LaunchReply& reply) {
  const std::string operation = "start " + role + ": " + reply.step();
  Error error = reply.errno_value() != 0 ? Error::from_errno(reply.errno_value(), operation, reply.object())
                                         : Error(ErrorCode::internal, operation, reply.object());
  if (!reply.message().empty()) error.because(reply.message());
  return LaunchError(std::move(error), role, reply.step());
}

} // namespace nacre::launch
