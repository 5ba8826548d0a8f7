#include "build_lock.hpp"

#include <fcntl.h>
#include <memory>
#include <sys/eventfd.h>
#include <thread>

namespace nacre::block {
namespace {

using sdk::check_errno;
using sdk::Fd;

// One file serves all images: each has a byte of it, far apart. Two that meet by chance wait for each other.
struct flock range_of(const std::string& uuid) {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(std::stoul(uuid.substr(0, 8), nullptr, 16));
  range.l_len = 1;
  return range;
}

struct Wait {
  Fd file, done;
  int error = 0;
};

// The kernel's wait for a lock cannot be given up, but by a thread that nobody waits for.
void wait_in_background(const std::shared_ptr<Wait>& wait, struct flock range) {
  std::thread([wait, range]() mutable {
    int result = 0;
    do {
      result = ::fcntl(wait->file.get(), F_OFD_SETLKW, &range);
    } while (result < 0 && errno == EINTR);
    wait->error = result < 0 ? errno : 0;
    ::eventfd_write(wait->done.get(), 1);
  }).detach();
}

} // namespace

BuildLock::BuildLock(const sdk::Call& call, const ImageFolder& folder, const std::string& uuid) {
  const auto wait = std::make_shared<Wait>();
  wait->file = Fd(check_errno(::openat(folder.fd(), "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600),
                              "open the lock of \"" + folder.path() + "\""));
  auto range = range_of(uuid);
  if (::fcntl(wait->file.get(), F_OFD_SETLK, &range) < 0) {
    if (errno != EAGAIN && errno != EACCES)
      throw sdk::Error::from_errno(errno, "lock \"" + folder.path() + "\"");
    wait->done = Fd(check_errno(::eventfd(0, EFD_CLOEXEC), "make an event"));
    wait_in_background(wait, range);
    call.wait(wait->done.get(), POLLIN);
    if (wait->error != 0) throw sdk::Error::from_errno(wait->error, "lock \"" + folder.path() + "\"");
  }
  lock_ = std::move(wait->file);
}

} // namespace nacre::block
