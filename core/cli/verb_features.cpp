#include "cli/verbs.hpp"

#include "cli/output.hpp"
#include "oci/features.hpp"

namespace nacre::cli {

CommandLine features_grammar() {
  CommandLine line("features", "Prints what this runtime knows as JSON.");
  return line;
}

int verb_features(const GlobalOptions& options) {
  auto line = features_grammar();
  if (!line.parse(options.arguments, 0, 0)) return 0;
  print(oci::features_json() + "\n");
  return 0;
}

} // namespace nacre::cli
