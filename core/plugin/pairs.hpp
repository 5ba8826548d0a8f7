// Which of the installed plugins fit each other: each hypervisor against each storage and network plugin, by
// the same plan that a container's start makes, with the options as they are when nothing is configured.
#pragma once

#include "plugin/registry.hpp"

#include <string>
#include <vector>

namespace nacre::plugin {

struct Pair {
  std::string hypervisor;
  Kind kind; // of the other one: storage or network
  std::string name;
  std::string refusal; // the sentence that a user would read; "": they fit
};

// Loads every plugin that can be loaded and asks it; starts nothing and changes nothing. A plugin that cannot
// answer fits nobody, in its own words.
std::vector<Pair> all_pairs(Registry& registry);

} // namespace nacre::plugin
