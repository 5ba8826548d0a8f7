// The folder of the sockets on which containerd finds the sandboxes.
#pragma once

#include "base/unique_fd.hpp"

#include <string>

namespace nacre::shim {

// While one exists, no other process judges whether a socket there is stale. Makes the folder when it is
// missing.
class SocketDir {
public:
  SocketDir();

  void remove_if_stale(const std::string& path) const noexcept;

private:
  UniqueFd lock_; // on the folder: it leaves no file behind
};

} // namespace nacre::shim
