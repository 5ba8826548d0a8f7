#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "ttrpc/task_client.hpp"

namespace nacre::cli {

CommandLine resume_grammar() {
  CommandLine line("resume <container-id>", "Lets the processes of a paused container go on.");
  return line;
}

int verb_resume(const GlobalOptions& options) {
  auto line = resume_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto state = oci::read_state(options.state_dir(id));
  if (oci::current_status(state) != oci::Status::paused)
    throw Error(ErrorCode::failed_precondition, "container not paused"); // runc's words
  ttrpc::TaskClient::connect(state.socket).resume(id);
  return 0;
}

} // namespace nacre::cli
