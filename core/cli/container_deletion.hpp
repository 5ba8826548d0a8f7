// Removing a container and, with the last one of a pod, its sandbox process: `nacre delete` and the end of
// `nacre run`.
#pragma once

#include "cli/global_options.hpp"
#include "oci/state.hpp"

#include <string>

namespace nacre::cli {

// The container must have stopped, or `force`: then it is killed first, and a sandbox process that does not
// answer is killed as well. Throws Error; with `force` what can be removed has been removed even then.
void delete_container(const GlobalOptions& options, const oci::State& state, bool force);

// What is left of a container whose creation was cut short before it had a state.
void delete_remains(const GlobalOptions& options, const std::string& id);

} // namespace nacre::cli
