// What can be said after a verb, read out of its usage line.
#pragma once

#include "cli/command_line.hpp"

#include <string>
#include <vector>

namespace nacre::cli {

// "config show | config check [FILE]" has two forms.
std::vector<std::string> usage_forms(const CommandLine& line);

struct VerbWords {
  std::vector<std::string> actions; // "show", "check": one of them comes first
  bool container = false;           // an id comes first
  bool containers = false;          // and more ids may follow
  bool files = false;               // a file may stand where an action has been
};
VerbWords verb_words(const CommandLine& line);

// "table|json" as its two words; empty when the placeholder is no choice.
std::vector<std::string> choices_of(const OptionText& option);
bool is_file(const OptionText& option);
bool is_folder(const OptionText& option);

} // namespace nacre::cli
