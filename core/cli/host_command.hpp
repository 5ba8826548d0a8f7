// A program of the host, run to its end for what it prints.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace nacre::cli {

struct CommandResult {
  int status = 0;     // as waitpid(2) gives it
  std::string output; // stdout and stderr
  bool succeeded() const;
  std::string status_text() const; // "exit status 1", "signal 9"
};

struct CommandLimits {
  std::optional<std::chrono::milliseconds> patience; // killed then; empty: none
  int output_fd = -1;                                // borrowed: gets stdout instead of `output`
};

// `words[0]` is looked for in PATH unless it has a slash. Throws Error when it cannot be started ("start") or
// when the patience is over.
CommandResult run_command(const std::vector<std::string>& words, const CommandLimits& limits = {});

} // namespace nacre::cli
