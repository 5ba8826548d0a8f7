// The containers below a root, as their state files tell.
#pragma once

#include "oci/state.hpp"

#include <string>
#include <vector>

namespace nacre::cli {

struct ContainerStates {
  std::vector<oci::State> states;    // with their status now, in the order of their ids
  std::vector<std::string> problems; // of states that are damaged
};

// Whoever appears or goes while we look is simply there or not; so is a missing root. Throws Error when the
// root cannot be read.
ContainerStates container_states(const std::string& root);

} // namespace nacre::cli
