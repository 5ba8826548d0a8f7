#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "ttrpc/task_client.hpp"

namespace nacre::cli {

CommandLine start_grammar() {
  CommandLine line("start <container-id>", "Lets the process of a created container run.");
  return line;
}

int verb_start(const GlobalOptions& options) {
  auto line = start_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto state = oci::read_state(options.state_dir(id));
  switch (oci::current_status(state)) {
  case oci::Status::created:
    break;
  case oci::Status::creating:
    throw Error(ErrorCode::failed_precondition, "cannot start a container that is still being created", id);
  case oci::Status::stopped:
    throw Error(ErrorCode::failed_precondition, "cannot start a container that has stopped", id);
  default:
    throw Error(ErrorCode::failed_precondition, "cannot start an already running container", id);
  }
  ttrpc::TaskClient::connect(state.socket).start(id);
  return 0;
}

} // namespace nacre::cli
