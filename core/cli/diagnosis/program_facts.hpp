// The programs that a container's life needs or that may drive it, and which version each is.
#pragma once

#include "cli/diagnosis/installation.hpp"

#include <string>
#include <vector>

namespace nacre::cli {

struct ProgramFacts {
  std::string name; // "containerd-shim-nacre-v2"; of a plugin's: "hypervisor/NAME path"
  std::string path;
  std::string version; // the first line that it says; "" when it is not asked
  std::string problem; // why it cannot be run; "" when it can
};

// Our own, without which nothing runs.
std::vector<ProgramFacts> own_programs();
// Those that the options of the chosen plugins name.
std::vector<ProgramFacts> plugin_programs(const std::vector<PluginFacts>& plugins);
// Engines and tools that are installed; a missing one is left out.
std::vector<ProgramFacts> other_programs();

} // namespace nacre::cli
