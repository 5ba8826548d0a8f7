// Whether the chosen plugins fit together: what storage and network need against what the hypervisor offers.
#pragma once

#include "cli/diagnosis/check_line.hpp"
#include "cli/diagnosis/installation.hpp"

namespace nacre::cli {

// Makes the plugins' handles and the plan in a process of its own, as a container's start would. To be called
// when every chosen plugin is good, from a process with one thread.
CheckLine try_plan(const config::Config& config, const std::vector<PluginFacts>& plugins);

} // namespace nacre::cli
