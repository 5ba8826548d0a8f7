#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "ttrpc/task_client.hpp"

namespace nacre::cli {

CommandLine pause_grammar() {
  CommandLine line("pause <container-id>", "Stops all processes of a container until `resume`.");
  return line;
}

int verb_pause(const GlobalOptions& options) {
  auto line = pause_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto state = oci::read_state(options.state_dir(id));
  const auto status = oci::current_status(state);
  if (status != oci::Status::running && status != oci::Status::created)
    throw Error(ErrorCode::failed_precondition, "container not running"); // runc's words
  ttrpc::TaskClient::connect(state.socket).pause(id);
  return 0;
}

} // namespace nacre::cli
