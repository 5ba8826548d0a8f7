// Connections to the agent where the hypervisor offers vsock rather than a ready descriptor.
#pragma once

#include "agent_client/hello.hpp"
#include "base/unique_fd.hpp"

#include <cstdint>
#include <string>

namespace nacre::agent_client {

// AF_VSOCK. The guest refuses until its agent listens, and nothing tells the host when that is: tries again
// every 10 ms for as long as `options` allows (same rules as the hello).
UniqueFd dial_vsock(std::uint64_t cid, std::uint32_t port, const HelloOptions& options);

// Firecracker's and Cloud Hypervisor's unix socket: "CONNECT port\n", answered by "OK ...\n".
UniqueFd dial_hybrid_vsock(const std::string& path, std::uint32_t port, const HelloOptions& options);

} // namespace nacre::agent_client
