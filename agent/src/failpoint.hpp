// Where a test lets the agent die: `nacre.failpoint=NAME` on the kernel's command line, which only the host's
// configuration writes. NAME is `agent`, before the hello, or the name of a call of agent.proto.
#pragma once

#include <string>
#include <string_view>

namespace nacre::agent::failpoint {

// Once, before any thread that may pass one is there. Empty: none.
void arm(std::string_view name);

// Ends the process, and so the guest, when the armed name is this one.
void pass(std::string_view name) noexcept;

} // namespace nacre::agent::failpoint
