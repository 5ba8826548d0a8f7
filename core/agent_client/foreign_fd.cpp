#include "agent_client/foreign_fd.hpp"

#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace nacre::agent_client {
namespace {

bool is_anonymous_pipe(int fd) {
  struct statfs file_system;
  return ::fstatfs(fd, &file_system) == 0 && file_system.f_type == PIPEFS_MAGIC;
}

// A master opened through /proc would be a new terminal.
bool is_terminal_slave(int fd) {
  unsigned number;
  return ::isatty(fd) == 1 && ::ioctl(fd, TIOCGPTN, &number) < 0;
}

UniqueFd open_anew(int fd, int access) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return UniqueFd(::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

// A named fifo opened anew for reading before its first writer has come would miss the end of file of a
// writer that has gone already (fifo(7)); reading it after poll(2) does not block, since we are its only
// reader.
bool can_open_anew(int fd, mode_t mode, ForeignFd::Direction direction) {
  if (S_ISFIFO(mode)) return direction == ForeignFd::Direction::write || is_anonymous_pipe(fd);
  return S_ISCHR(mode) && is_terminal_slave(fd);
}

bool ready(int fd, short events) {
  pollfd poll_fd{fd, events, 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

} // namespace

ForeignFd::ForeignFd(UniqueFd fd, Direction direction) : fd_(std::move(fd)) {
  struct stat status;
  if (!fd_ || ::fstat(fd_.get(), &status) < 0) return;
  if (S_ISSOCK(status.st_mode)) {
    kind_ = Kind::socket;
    return;
  }
  if (can_open_anew(fd_.get(), status.st_mode, direction)) {
    if (UniqueFd ours = open_anew(fd_.get(), direction == Direction::read ? O_RDONLY : O_WRONLY)) {
      fd_ = std::move(ours);
      return;
    }
  }
  if (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && ::isatty(fd_.get()) == 1)) kind_ = Kind::polled;
}

ssize_t ForeignFd::read(char* bytes, std::size_t capacity) noexcept {
  if (kind_ == Kind::socket) return ::recv(fd_.get(), bytes, capacity, MSG_DONTWAIT);
  if (kind_ == Kind::polled && !ready(fd_.get(), POLLIN)) {
    errno = EAGAIN;
    return -1;
  }
  return ::read(fd_.get(), bytes, capacity);
}

ssize_t ForeignFd::write(std::string_view bytes) noexcept {
  if (kind_ == Kind::socket)
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (kind_ == Kind::polled) {
    if (!ready(fd_.get(), POLLOUT)) {
      errno = EAGAIN;
      return -1;
    }
    bytes = bytes.substr(0, PIPE_BUF); // a pipe that is ready takes that much (pipe(7))
  }
  return ::write(fd_.get(), bytes.data(), bytes.size());
}

void ForeignFd::shut_down(Direction direction) noexcept {
  if (fd_ && kind_ == Kind::socket) ::shutdown(fd_.get(), direction == Direction::read ? SHUT_RD : SHUT_WR);
}

} // namespace nacre::agent_client
