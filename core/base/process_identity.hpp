// A process named for longer than its pid is: pid and start time together are unique until the next boot.
#pragma once

#include <cstdint>
#include <optional>
#include <sys/types.h>

namespace nacre {

struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0; // field 22 of /proc/PID/stat, in clock ticks since boot

  // Empty when no such process lives; a zombie counts as dead. Throws Error when /proc cannot be read.
  static std::optional<ProcessIdentity> of(pid_t pid);
  bool alive() const;
  // It lives or is a zombie: its first thread has ended, but others may still hold memory and cgroups.
  bool in_process_table() const;

  bool operator==(const ProcessIdentity&) const = default;
};

} // namespace nacre
