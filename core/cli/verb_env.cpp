#include "cli/verbs.hpp"

#include "cli/diagnosis/environment.hpp"
#include "cli/output.hpp"
#include "oci/pretty_json.hpp"

namespace nacre::cli {

CommandLine env_grammar() {
  CommandLine line(
      "env [--json]",
      "Prints the facts that a bug report wants: versions, host, paths, configuration with origins, "
      "plugins, guest image. Secrets are left out. Works on a broken installation too.");
  line.flag("json", "as JSON, which is the only form");
  return line;
}

int verb_env(const GlobalOptions& options) {
  auto line = env_grammar();
  if (!line.parse(options.arguments, 0, 0)) return 0;
  print(oci::pretty(environment_document(options.config, options.root)) + "\n");
  return 0;
}

} // namespace nacre::cli
