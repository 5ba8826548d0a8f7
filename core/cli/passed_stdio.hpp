// The descriptors that a process of a container gets from the caller of `nacre`: stdio and --preserve-fds.
#pragma once

#include "ttrpc/descriptors.hpp"

#include <cstddef>
#include <vector>

namespace nacre::cli {

// A packet holds 64 descriptors; stdio and the holder's socket are four of them.
inline constexpr std::size_t max_preserved_fds = 60;

// How many descriptors from 3 on are ours by socket activation (sd_listen_fds(3)); they come before those of
// --preserve-fds, as with runc.
std::size_t activation_fds();

// Throws Error unless 3 to 3+count-1, the first `from_activation` of them by socket activation, are pipes or
// connected stream sockets: only what flows can be relayed into another machine; a file's offset, a device or
// a listening socket cannot.
void require_preserved_fds(std::size_t count, std::size_t from_activation = 0);

// Slots of 0 to 2 (`slave` for all when it is a terminal, else our own; -1: none) and of the preserved
// descriptors.
std::vector<ttrpc::PassedDescriptor> passed_stdio(int slave, std::size_t preserved);

// Ours, once they were passed: whoever has the other end must see it hang up when the process hangs up.
void close_preserved_fds(std::size_t count) noexcept;

} // namespace nacre::cli
