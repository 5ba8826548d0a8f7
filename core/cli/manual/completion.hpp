// Completion scripts for shells: verbs, flags, the values of flags, and the ids of containers.
#pragma once

#include <string>

namespace nacre::cli {

std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

} // namespace nacre::cli
