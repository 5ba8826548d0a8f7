#include "terminal.hpp"

#include "error.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace nacre::agent {

ConsoleSocket::ConsoleSocket() {
  static std::atomic<std::uint64_t> last_number = 0;
  path_ = "/run/nacre/console/" + std::to_string(++last_number);
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  if (!listener_ || ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(listener_.get(), 1) < 0) {
    throw system_error("cannot listen on", path_);
  }
}

ConsoleSocket::~ConsoleSocket() {
  ::unlink(path_.c_str());
}

UniqueFd ConsoleSocket::receive_master() {
  // crun has sent the message before it ended, so nothing here waits.
  const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) throw system_error("crun did not connect to", path_);
  char name[256];
  iovec data{name, sizeof name};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const auto n = ::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  const auto* header = n < 0 ? nullptr : CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len < CMSG_LEN(sizeof(int))) {
    throw Error(Code::internal, "crun sent no terminal over " + quoted(path_));
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

void set_terminal_size(int fd, std::uint32_t rows, std::uint32_t columns) {
  if (rows == 0 && columns == 0) return;
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  ::ioctl(fd, TIOCSWINSZ, &size);
}

} // namespace nacre::agent
