// createContainer hooks. Their programs are the host's, but they run in the container's namespaces, which are
// the guest's: crun starts this program once for all of them, and it gives them a root that looks like the
// host's as far as the host has lent it.
#pragma once

#include <string>

namespace nacre::agent {

// What crun's hook is called as: argv[0] of this same program.
inline constexpr auto create_hooks_program = "nacre-create-hooks";

// A v1::CreateHooks, serialized, is in this file of the container's bundle, the words of a failure beside it.
std::string create_hooks_file(const std::string& bundle);
std::string create_hooks_failure_file(const std::string& bundle);

// The body of that program; `file` is the first of the two. In the container's mount and pid namespace,
// before its root is pivoted. Returns the exit status.
int run_create_hooks(const std::string& file);

} // namespace nacre::agent
