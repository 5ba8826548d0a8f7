// The queues of a macvtap: descriptors of its character device, which speak as a tap's do.
#pragma once

#include <nacre/sdk/fd.hpp>

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace nacre::macvtap {

// `link` is for messages.
std::vector<sdk::Fd> open_queues(dev_t device, std::uint32_t count, const std::string& link);

} // namespace nacre::macvtap
