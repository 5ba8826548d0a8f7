// Unix sockets by path, one way for all who connect and listen.
#pragma once

#include "base/unique_fd.hpp"

#include <string>
#include <string_view>
#include <sys/un.h>

namespace nacre {

// The address of a socket at `path`. Throws Error (invalid_argument) of `operation` for a path that is longer
// than an address can hold (unix(7)).
sockaddr_un unix_address(const std::string& path, std::string_view operation);

// A connection, blocking, close-on-exec. `type`: SOCK_STREAM or SOCK_SEQPACKET. Throws Error.
UniqueFd connect_unix(const std::string& path, int type);

// A listening socket that only its owner may connect to. What was at `path` is removed: the caller knows that
// nobody listens there. Throws Error.
UniqueFd listen_unix(const std::string& path, int type);

} // namespace nacre
