// Host terminals: the pair whose slave stands for the container's terminal, and the caller's own.
#pragma once

#include "base/unique_fd.hpp"
#include "oci/spec.hpp"

#include <optional>
#include <string>
#include <termios.h>

namespace nacre::cli {

// A new pseudoterminal, slave in raw mode: the guest's terminal does the line discipline, once.
struct Pty {
  UniqueFd master;
  UniqueFd slave;
  static Pty open(std::optional<oci::ConsoleSize> size);
};

// A connection to --console-socket, made before anything is started so that a wrong path changes nothing.
class ConsoleSocket {
public:
  static ConsoleSocket connect(const std::string& path);
  void send_master(const UniqueFd& master) const; // runc's packet: the descriptor, and a name as payload

private:
  explicit ConsoleSocket(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

// The size of the terminal behind a descriptor; absent when it is none.
std::optional<oci::ConsoleSize> terminal_size(int fd);
void set_terminal_size(int fd, oci::ConsoleSize size) noexcept;

// Raw mode for the caller's terminal until destroyed. Does nothing when `fd` is no terminal.
class RawMode {
public:
  explicit RawMode(int fd);
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
  ~RawMode();

private:
  int fd_;
  std::optional<termios> before_;
};

} // namespace nacre::cli
