#include "cli/verbs.hpp"

#include "cli/diagnosis/checks.hpp"
#include "cli/output.hpp"

namespace nacre::cli {

CommandLine check_grammar() {
  CommandLine line(
      "check [--json]",
      "Checks host and installation: kernel, cgroups, configuration, plugins, programs, guest image, "
      "state. Each line says ok, skip (this host lacks something that containers can do without), "
      "warning or error, and what to do. The exit code is 0 when containers can run, else 1.");
  line.flag("json", "as JSON");
  return line;
}

int verb_check(const GlobalOptions& options) {
  auto line = check_grammar();
  if (!line.parse(options.arguments, 0, 0)) return 0;
  const auto lines = check_all(options.config, options.root);
  print(line.is_set("json") ? check_json(lines) : check_text(lines));
  return good(lines) ? 0 : 1;
}

} // namespace nacre::cli
