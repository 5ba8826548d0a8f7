// The two sides of a process's stdio: what crun hands to it, and what the agent keeps.
#pragma once

#include "process_stdio.hpp"
#include "terminal.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace nacre::agent {

class StdioPipes {
public:
  struct Wanted {
    bool terminal = false;
    bool has_stdin = false;
    std::uint32_t rows = 0; // 0: the kernel's own size
    std::uint32_t columns = 0;
  };

  // Makes the pipes, or the socket that crun will send the terminal to. Throws Error.
  explicit StdioPipes(const Wanted& wanted);

  // For the process; -1 is /dev/null. Valid until take_own_ends().
  std::array<int, 3> for_process() const;
  // Empty without a terminal.
  std::string console_socket() const { return console_ ? console_->path() : std::string(); }

  // After crun has ended well: closes the process's side, so that the agent sees the end of what it writes.
  StdioEnds take_own_ends();

private:
  Wanted wanted_;
  std::optional<ConsoleSocket> console_;
  std::array<UniqueFd, 3> process_ends_;
  StdioEnds own_ends_;
};

} // namespace nacre::agent
