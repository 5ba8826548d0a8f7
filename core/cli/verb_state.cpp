#include "cli/verbs.hpp"

#include "cli/output.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"

namespace nacre::cli {

CommandLine state_grammar() {
  CommandLine line("state <container-id>", "Prints the state of a container as JSON.");
  return line;
}

int verb_state(const GlobalOptions& options) {
  auto line = state_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto state = oci::read_state(options.state_dir(id));
  print(oci::to_printed_json(state, oci::current_status(state)) + "\n");
  return 0;
}

} // namespace nacre::cli
