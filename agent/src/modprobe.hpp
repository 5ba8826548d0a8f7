// What the kernel starts when a program of a container asks for a file system whose module is not loaded
// (kernel/module/kmod.c: PROGRAM -q -- NAME): this same program, since the guest has no modprobe.
#pragma once

#include <string>

namespace nacre::agent {

// Names this program to the kernel. `program` is its path in the root that the kernel has, which is that of
// the start.
void answer_module_requests(const std::string& program);

// Whether the arguments are such a request.
bool is_module_request(int argc, char** argv);

// Loads what the image has. Returns the exit status.
int run_modprobe(const std::string& name);

} // namespace nacre::agent
