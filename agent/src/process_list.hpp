// The processes of a container as /proc shows them.
#pragma once

#include "agent.pb.h"
#include "cgroup.hpp"

#include <cstddef>
#include <sys/types.h>

namespace nacre::agent {

// False when the process is gone. `argv_budget` is how many bytes of argv the whole answer may still take.
bool describe_process(pid_t pid, v1::ListProcessesReply::Process& out, std::size_t& argv_budget);

// To a process of the cgroup that is known by its number and its start. Throws Error not_found when there is
// none.
void signal_listed_process(const Cgroup& cgroup, pid_t pid, std::uint64_t start_time_ticks, int signal);

} // namespace nacre::agent
