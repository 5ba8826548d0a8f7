// An ext4 file system made on a file, by Debian's mke2fs in a process of its own.
#pragma once

#include <nacre/sdk/host.hpp>

#include <string>
#include <vector>

namespace nacre::block {

// The program; "" when it is not installed.
std::string find_format_program();

// `file` has its size already. `options`: further arguments of mke2fs. Throws "<what>: its last words".
void make_ext4(sdk::Host host, const sdk::Call& call, int file, std::vector<std::string> options,
               const std::string& what);

} // namespace nacre::block
