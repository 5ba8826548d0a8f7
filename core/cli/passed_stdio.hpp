// The descriptors that a process of a container gets from the caller of `nacre`: stdio and --preserve-fds.
#pragma once

#include "ttrpc/descriptors.hpp"

#include <cstddef>
#include <vector>

namespace nacre::cli {

// A packet holds 64 descriptors; stdio and the holder's socket are four of them.
inline constexpr std::size_t max_preserved_fds = 60;

// Throws Error unless 3 to 3+count-1 are pipes or stream sockets: only what flows can be relayed into another
// machine; a file's offset, a device or a listening socket cannot.
void require_preserved_fds(std::size_t count);

// Slots of 0 to 2 (`slave` for all when it is a terminal, else our own; -1: none) and of the preserved
// descriptors.
std::vector<ttrpc::PassedDescriptor> passed_stdio(int slave, std::size_t preserved);

} // namespace nacre::cli
