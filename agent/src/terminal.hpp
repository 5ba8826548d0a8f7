// Receiving a terminal's master from crun (--console-socket).
#pragma once

#include "unique_fd.hpp"

#include <cstdint>
#include <string>

namespace nacre::agent {

class ConsoleSocket {
public:
  // Listens below /run/nacre/console. Throws Error.
  ConsoleSocket();
  ConsoleSocket(const ConsoleSocket&) = delete;
  ConsoleSocket& operator=(const ConsoleSocket&) = delete;
  ~ConsoleSocket();

  const std::string& path() const noexcept { return path_; }
  // The master that crun has sent; call when crun has ended well. Throws Error when there is none.
  UniqueFd receive_master();

private:
  std::string path_;
  UniqueFd listener_;
};

void set_terminal_size(int fd, std::uint32_t rows, std::uint32_t columns);

} // namespace nacre::agent
