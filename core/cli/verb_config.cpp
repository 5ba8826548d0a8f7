#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/output.hpp"
#include "config/config.hpp"

namespace nacre::cli {

CommandLine config_grammar() {
  CommandLine line("config show [--origin] | config check [FILE]",
                   "Shows the configuration in force, or checks a file.");
  line.flag("origin", "say where each value was written");
  return line;
}

int verb_config(const GlobalOptions& options) {
  auto line = config_grammar();
  if (!line.parse(options.arguments, 1, 2)) return 0;
  const auto& action = line.words().front();
  if (action == "show" && line.words().size() == 1) {
    print(config::load({options.config}).show(line.is_set("origin")));
    return 0;
  }
  if (action != "check")
    throw Error(ErrorCode::invalid_argument, "unknown config action", action).hint("use show or check FILE");
  const auto file = line.words().size() > 1 ? absolute_path(line.words()[1]) : options.config;
  const auto config = config::load({file});
  config.guest().require_files();
  print(config.files().front() + ": good\n");
  return 0;
}

} // namespace nacre::cli
