#include "sandbox/host_socket.hpp"

#include "base/error.hpp"
#include "sandbox/mount_source.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

// By descriptor: paths may be longer than a socket's name.
UniqueFd connect_by_fd(int node, int type) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(node);
  path.copy(name.sun_path, path.size());
  UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) < 0) fd.reset();
  return fd;
}

// A server of stream sockets does not notice: the kernel compares the types first (EPROTOTYPE).
bool speaks(int node, int type) {
  return connect_by_fd(node, type) || errno == EAGAIN;
}

} // namespace

HostSocket require_relayed(const std::string& path, const config::StringList& patterns) {
  const auto source = open_mount_source(path, "mount source");
  const bool listed = std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
    return ::fnmatch(pattern.c_str(), source.path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
  });
  if (!listed)
    throw Error(ErrorCode::permission_denied, "relay socket", source.path)
        .because("a socket connects processes of one kernel only, and no pattern of relayed_sockets lets "
                 "connections of the virtual machine through to this one")
        .hint("add \"" + source.path + "\" to relayed_sockets in [runtime] of configuration.toml");
  for (const auto& [type, word] : {std::pair{SOCK_DGRAM, "datagram"}, {SOCK_SEQPACKET, "packet"}})
    if (speaks(source.fd.get(), type))
      throw Error(ErrorCode::unimplemented, "relay socket", source.path)
          .because(std::string("it is a ") + word + " socket, and only stream sockets are relayed")
          .hint("mount a stream socket, or leave it out");
  struct stat status;
  check_errno(::fstat(source.fd.get(), &status), "look at mount source", path);
  return {source.path, status.st_mode & 07777, status.st_uid, status.st_gid};
}

UniqueFd connect_to(const HostSocket& socket) {
  // Who may write in one of the folders must not lead elsewhere what the configuration allows for this path.
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const UniqueFd node(
      static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, socket.path.c_str(), &how, sizeof how)));
  if (!node) throw_errno("connect to socket", socket.path);
  auto fd = connect_by_fd(node.get(), SOCK_STREAM);
  if (!fd) throw_errno("connect to socket", socket.path);
  return fd;
}

} // namespace nacre::sandbox
