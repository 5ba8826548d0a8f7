// CPUs and memory that the host has plugged in, and what the guest is made of.
#pragma once

#include "agent.pb.h"

namespace nacre::agent {

// Brings CPUs online until `vcpus` are (0: leaves them alone), and every offline memory block if asked for.
// Waits for CPUs that the kernel has not found yet. Throws Error.
void online_resources(const v1::OnlineResourcesRequest& request, v1::OnlineResourcesReply& reply);

void describe_guest(v1::GetGuestDetailsReply& reply);

} // namespace nacre::agent
