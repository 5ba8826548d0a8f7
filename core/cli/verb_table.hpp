// The verbs as data: what runs them, and what help, manual pages and shell completion are made from.
#pragma once

#include "cli/global_options.hpp"

#include <span>
#include <string_view>

namespace nacre::cli {

struct Verb {
  std::string_view name;
  std::string_view brief; // at most 25 characters: half a line of `nacre --help`
  CommandLine (*grammar)();
  int (*run)(const GlobalOptions&);
};

// Those of a container's life first, then the operator's.
std::span<const Verb> all_verbs();
const Verb* find_verb(std::string_view name); // null: there is none

} // namespace nacre::cli
