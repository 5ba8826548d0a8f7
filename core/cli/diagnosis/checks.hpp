// What `nacre check` looks at.
#pragma once

#include "cli/diagnosis/check_line.hpp"

namespace nacre::cli {

// Host, kernel, cgroups, configuration, plugins and their plan, programs, guest image, state: in the order in
// which a reader mends things. `config_file`: of --config; "": the default places. To be called from a
// process with one thread.
std::vector<CheckLine> check_all(const std::string& config_file, const std::string& root);

} // namespace nacre::cli
