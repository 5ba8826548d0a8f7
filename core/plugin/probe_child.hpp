// The part of verify() that runs code of the plugin: in a forked process, which says how far it got through a
// pipe.
#pragma once

#include "plugin/verify.hpp"

#include <string>

namespace nacre::plugin {

// Loads and probes in a child; adds what came out to `report`.
void probe_in_child(const std::string& path, Kind kind, const std::string& name, const VerifyOptions& options,
                    Report& report);

} // namespace nacre::plugin
