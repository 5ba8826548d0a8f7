// A program of the system's that does one thing and ends.
#pragma once

#include <nacre/sdk/host.hpp>

#include <string>

namespace nacre::block {

// Absolute; "" when none of the system's folders has it.
std::string find_program(const std::string& name);
// Throws with the Debian package to install.
std::string need_program(const std::string& name, const std::string& package);

// Throws "<what>: the program's last words" unless it has exited with 0; with ENOSPC where those words are
// the kernel's for it.
void run_to_success(sdk::Host host, const sdk::Call& call, sdk::Spawn program, const std::string& what);

sdk::Fd duplicate(int fd);

} // namespace nacre::block
