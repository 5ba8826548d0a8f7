// How much a process has wanted to run.
#pragma once

#include <chrono>

namespace nacre::sandbox {

// The time that the threads of process `pid` have run on a CPU or stood in the queue for one: what grows when
// it has work, however busy the host is. Zero when there is no such process.
std::chrono::nanoseconds cpu_demand(int pid);

} // namespace nacre::sandbox
