#include "cli/console.hpp"

#include "base/error.hpp"
#include "base/unix_socket.hpp"
#include "ttrpc/descriptors.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace nacre::cli {

Pty Pty::open(std::optional<oci::ConsoleSize> size) {
  Pty pty;
  pty.master =
      UniqueFd(check_errno(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), "open terminal", "/dev/ptmx"));
  int unlock = 0;
  check_errno(::ioctl(pty.master.get(), TIOCSPTLCK, &unlock), "unlock terminal");
  // By descriptor, since /dev/pts of this mount namespace may be another one.
  pty.slave = UniqueFd(check_errno(::ioctl(pty.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC),
                                   "open terminal's slave"));
  termios settings{};
  check_errno(::tcgetattr(pty.slave.get(), &settings), "read terminal settings");
  ::cfmakeraw(&settings);
  check_errno(::tcsetattr(pty.slave.get(), TCSANOW, &settings), "set terminal to raw mode");
  if (size) set_terminal_size(pty.master.get(), *size);
  return pty;
}

ConsoleSocket ConsoleSocket::connect(const std::string& path) {
  try {
    return ConsoleSocket(connect_unix(path, SOCK_STREAM));
  } catch (const Error& error) {
    throw Error(error.code(), "connect to console socket", path)
        .because(error.error_number() ? errno_text(error.error_number()) : error.what())
        .hint("the caller must listen there");
  }
}

void ConsoleSocket::send_master(const UniqueFd& master) const {
  const std::array<int, 1> descriptors = {master.get()};
  ttrpc::send_packet(socket_.get(), "/dev/ptmx", descriptors);
}

std::optional<oci::ConsoleSize> terminal_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) < 0) return std::nullopt;
  return oci::ConsoleSize{size.ws_row, size.ws_col};
}

void set_terminal_size(int fd, oci::ConsoleSize size) noexcept {
  const winsize wanted{size.rows, size.columns, 0, 0};
  ::ioctl(fd, TIOCSWINSZ, &wanted);
}

RawMode::RawMode(int fd) : fd_(fd) {
  termios settings{};
  if (::tcgetattr(fd, &settings) < 0) return;
  before_ = settings;
  ::cfmakeraw(&settings);
  ::tcsetattr(fd, TCSANOW, &settings);
}

RawMode::~RawMode() {
  if (before_) ::tcsetattr(fd_, TCSADRAIN, &*before_);
}

} // namespace nacre::cli
