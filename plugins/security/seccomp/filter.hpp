// A list of system calls as the kernel takes it: classic BPF, compiled by libseccomp.
#pragma once

#include "rule_list.hpp"

#include <string>

namespace nacre::seccomp {

// struct sock_filter[] as bytes, for this machine's architecture; calls of others kill the process.
std::string compile(const RuleList& list);

} // namespace nacre::seccomp
