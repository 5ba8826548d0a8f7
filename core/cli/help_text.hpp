// What --help prints: at most 80 columns, and short enough to be read on one screen.
#pragma once

#include "cli/command_line.hpp"

#include <string>

namespace nacre::cli {

// "-f, --format table|json"
std::string option_label(const OptionText& option);

// `text` broken at blanks into lines of at most 80 columns, each but the first begun by `indent` blanks; the
// first line goes on where `column` is.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t column);

// Of one verb.
std::string help_text(const CommandLine& line);
// Of the program: its verbs in two columns, and the flags before them.
std::string program_help_text(const CommandLine& line);

} // namespace nacre::cli
