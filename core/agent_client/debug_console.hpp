// The debug console: a root shell on a terminal in the guest itself, outside every container, carried by a
// tunnel of the agent's (agent.proto, TunnelFrame). The guest refuses it unless its kernel line has it
// switched on.
#pragma once

#include "agent_client/agent_client.hpp"
#include "base/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <optional>

namespace nacre::agent_client {

struct ConsoleSize {
  std::uint32_t rows = 0; // 0: as the guest's kernel has it
  std::uint32_t columns = 0;
};

// From any thread. What is read from `socket`, a connected stream socket that nobody else has, is typed; what
// the terminal shows is written to it. It is closed when the shell has ended; when its peer closes it, the
// terminal hangs up. `opened` is called once, on the loop's thread: with nothing when the shell has spoken,
// else with the reason.
void open_debug_console(std::shared_ptr<AgentClient> client, UniqueFd socket, ConsoleSize size,
                        std::function<void(const std::optional<Error>&)> opened);

} // namespace nacre::agent_client
