// A process of a container as /proc shows it.
#pragma once

#include "agent.pb.h"

#include <sys/types.h>

namespace nacre::agent {

// False when the process is gone.
bool describe_process(pid_t pid, v1::ListProcessesReply::Process& out);

} // namespace nacre::agent
