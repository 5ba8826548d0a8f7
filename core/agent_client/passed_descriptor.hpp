// A descriptor above 2 that a process of the guest is to have as well (--preserve-fds): its end on this side.
#pragma once

#include "agent_client/proto/agent.pb.h"
#include "base/unique_fd.hpp"

namespace nacre::agent_client {

struct PassedDescriptor {
  using Kind = agent::v1::PassedDescriptor::Kind;

  PassedDescriptor() = default;
  // Looks what `descriptor` is; `number` is what the caller knows it by. Throws Error for anything but one
  // end of a pipe and a stream socket: nothing else can be relayed.
  PassedDescriptor(UniqueFd descriptor, std::size_t number);

  UniqueFd fd;
  Kind kind = agent::v1::PassedDescriptor::UNKNOWN;
};

} // namespace nacre::agent_client
