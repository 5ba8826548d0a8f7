// Waiting for the kernel to find hardware that the host has attached.
#pragma once

#include <functional>
#include <string>

namespace nacre::agent {

// Returns once `present` holds; asks again at each uevent of the kernel. Throws Error `unavailable` when
// nothing has come for 10 seconds (a guest without hardware acceleration needs more than one for a
// hot-plugged device).
void wait_for_device(const std::string& kind, const std::string& object,
                     const std::function<bool()>& present);

} // namespace nacre::agent
