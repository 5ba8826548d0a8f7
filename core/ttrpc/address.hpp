// Where a sandbox's sockets are. They do not lie in the state folder, whose path may be longer than a unix
// socket address can hold (Docker's roots are).
#pragma once

#include <string>
#include <string_view>

namespace nacre::ttrpc {

// /run/nacre/s/<first 32 hex digits of SHA-256 of root NUL namespace NUL sandbox id>. `namespace_name` is
// containerd's, and empty at the command-line door.
std::string socket_path(std::string_view root, std::string_view namespace_name, std::string_view sandbox_id);

// The descriptor socket beside it.
std::string descriptor_socket_path(std::string_view socket_path);

// Makes the folder of those sockets, which root alone may enter, and the one above it, unless they are there.
// Throws Error.
void make_socket_dir();

} // namespace nacre::ttrpc
