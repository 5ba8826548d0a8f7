// The flags before the verb.
#pragma once

#include "cli/command_line.hpp"

#include <string>

namespace nacre::cli {

struct GlobalOptions {
  std::string root;   // absolute; holds one folder per container
  std::string config; // absolute; "": the default places
  bool systemd_cgroup = false;
  bool version = false;
  std::string verb;    // "" when none was given
  Arguments arguments; // of the verb

  std::string state_dir(const std::string& id) const { return root + "/" + id; }
};

CommandLine global_grammar();

// Parses them and sets up the log. False: the help was asked for and printed.
bool parse_global_options(const Arguments& arguments, GlobalOptions& options);

// An absolute path without resolving links; relative paths start at the working folder.
std::string absolute_path(const std::string& path);

} // namespace nacre::cli
