// The two sides of a process's stdio: what crun hands to it, and what the agent keeps.
#pragma once

#include "process_stdio.hpp"
#include "terminal.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace nacre::agent {

// What a call asks for; throws Error for too many or one of unknown kind.
std::vector<v1::PassedDescriptor::Kind>
descriptor_kinds(const google::protobuf::RepeatedPtrField<v1::PassedDescriptor>& descriptors);

class StdioPipes {
public:
  struct Wanted {
    bool terminal = false;
    bool has_stdin = false;
    std::uint32_t rows = 0; // 0: the kernel's own size
    std::uint32_t columns = 0;
    std::vector<v1::PassedDescriptor::Kind> descriptors = {}; // 3 and up
  };

  // Makes the pipes, or the socket that crun will send the terminal to. Throws Error.
  explicit StdioPipes(const Wanted& wanted);

  // For the process; -1 is /dev/null. Valid until take_own_ends().
  std::array<int, 3> for_process() const;
  // In order from 3; the same holds.
  std::vector<int> descriptors_for_process() const;
  // Empty without a terminal.
  std::string console_socket() const { return console_ ? console_->path() : std::string(); }

  // After crun has ended well: closes the process's side, so that the agent sees the end of what it writes.
  StdioEnds take_own_ends();

private:
  void make_stdio();
  void make_descriptor(v1::PassedDescriptor::Kind kind);

  Wanted wanted_;
  std::optional<ConsoleSocket> console_;
  std::array<UniqueFd, 3> process_ends_;
  std::vector<UniqueFd> process_descriptors_;
  StdioEnds own_ends_;
};

} // namespace nacre::agent
