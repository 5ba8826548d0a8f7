// The tables of a configuration that belong to plugins, against what the installed plugins say of their
// options.
#pragma once

#include "config/config.hpp"
#include "plugin/registry.hpp"

namespace nacre::plugin {

// Checks the table of each plugin that [runtime] names and of every other that is installed. A plugin that
// [runtime] names and that cannot be loaded is a problem, or a notice where Kata's keys stand for its name.
void check_plugin_tables(const config::Config& config, Registry& registry, config::Problems& problems);

} // namespace nacre::plugin
