// Where a sandbox process listens. The name is a hash, because engines use roots that overflow sockaddr_un.
#pragma once

#include <string>
#include <string_view>

namespace nacre::oci {

// /run/nacre/s/<first 32 hex digits of SHA-256 of root NUL namespace NUL sandbox id>. `root` is --root as an
// absolute path; `namespace_name` is containerd's, "" at the command-line door. The descriptor socket is this
// + ".fd".
std::string sandbox_socket(std::string_view root, std::string_view namespace_name,
                           std::string_view sandbox_id);

} // namespace nacre::oci
