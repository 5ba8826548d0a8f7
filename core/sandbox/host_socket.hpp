// A Unix socket of the host's that a container has as a mount.
#pragma once

#include "base/unique_fd.hpp"
#include "config/option_schema.hpp"

#include <cstdint>
#include <string>

namespace nacre::sandbox {

struct HostSocket {
  std::string path; // resolved
  std::uint32_t mode = 0, uid = 0, gid = 0;
};

// Looks at the socket without connecting. `patterns`: those of relayed_sockets. Throws Error for one that
// matches none, or that is no stream socket.
HostSocket require_relayed(const std::string& path, const config::StringList& patterns);

// Connects without blocking, by the resolved path as it is now: a server that has gone and come back is
// found. Throws Error; its errno is EAGAIN while the server's backlog is full.
UniqueFd connect_to(const HostSocket& socket);

} // namespace nacre::sandbox
