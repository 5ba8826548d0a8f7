// A pid together with its start time names a process; a pid alone may name its successor.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace nacre::oci {

// Field 22 of /proc/PID/stat: clock ticks after boot at which the process started; 0 when there is no such
// process, or when it is a zombie (what it did has ended).
std::uint64_t start_ticks(pid_t pid);

// Whether the process that had this pid and these ticks lives. False for pid <= 0 or ticks 0.
bool is_alive(pid_t pid, std::uint64_t ticks);

} // namespace nacre::oci
