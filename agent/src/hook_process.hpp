// One OCI hook as a process of a program without threads.
#pragma once

#include "agent.pb.h"

#include <string>

namespace nacre::agent {

// Runs it with the state on its stdin and waits for its end, at most its timeout. Throws Error with runc's
// words for how it ended and what it wrote.
void run_hook(const v1::Hook& hook, const std::string& state);

} // namespace nacre::agent
