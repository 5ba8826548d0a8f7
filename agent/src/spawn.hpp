// Starting a program from a process with threads.
#pragma once

#include <array>
#include <string>
#include <sys/types.h>
#include <vector>

namespace nacre::agent {

struct SpawnPlan {
  std::vector<std::string> argv; // argv[0] is the program's absolute path
  std::vector<std::string> environment;
  std::array<int, 3> stdio = {-1, -1, -1}; // borrowed; -1 is /dev/null
  std::vector<int> more;                   // borrowed; become descriptors 3, 4, ...
  bool controlling_terminal = false;       // stdio[0] becomes the new session's terminal
};

// The child leads its own session, has default signals, no descriptor but the named ones, and the limits that
// a container without own rlimits is to have. Throws Error when it cannot be exec'd.
pid_t spawn(const SpawnPlan& plan);

// More descriptors for this process; what it had at start stays what its children get.
void raise_own_limits();

} // namespace nacre::agent
