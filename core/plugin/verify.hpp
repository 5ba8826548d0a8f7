// `nacre plugin verify`: everything about a plugin file that can be found out, in a forked process where it
// runs code of the plugin, so that a crash is reported and not suffered.
#pragma once

#include "plugin/registry.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::plugin {

struct Finding {
  enum class Level { ok, warning, error } level = Level::ok;
  LoadStatus status = LoadStatus::ok; // of an error, and of probe_skip (a warning)
  std::string sentence;
  std::string signal =
      {}; // "SIGSEGV": what ended the process, of LoadStatus::crashed; "": it ended otherwise
};

std::string_view to_string(Finding::Level level); // "ok", "warning", "error"

struct Report {
  std::vector<Finding> findings; // in the order of the checks
  Identity identity;             // empty when the note could not be read
  std::string options;           // JSON array, when it could be loaded
  std::string build;
  bool good() const; // no error
};

struct VerifyOptions {
  TrustRules rules = TrustRules::of_this_process();
  std::chrono::milliseconds patience = std::chrono::seconds(10); // with the plugin's own code
  // The options to probe with, of the plugin's own description; called in the forked process, and may throw
  // Error. Empty: the defaults.
  std::function<std::string(std::string_view schema)> options_of = {};
};

// Forks: to be called from a process with one thread.
Report verify(const std::string& path, Kind kind, const std::string& name, const VerifyOptions& options = {});

// Warnings that need no code of the plugin to run: search paths, executable stack, text relocations, missing
// RELRO, more than one export, libraries that a plugin must not link. `file` is a whole ELF file.
std::vector<Finding> lint(std::string_view file);

} // namespace nacre::plugin
