#include "shim/socket_dir.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "ttrpc/address.hpp"
#include "ttrpc/client.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace nacre::shim {

SocketDir::SocketDir() {
  ttrpc::make_socket_dir();
  lock_ = UniqueFd(
      check_errno(::open(paths::socket_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", paths::socket_dir));
  while (::flock(lock_.get(), LOCK_EX) < 0)
    if (errno != EINTR) throw_errno("lock", paths::socket_dir);
}

void SocketDir::remove_if_stale(const std::string& path) const noexcept {
  if (!ttrpc::somebody_listens(path)) ::unlink(path.c_str());
}

} // namespace nacre::shim
