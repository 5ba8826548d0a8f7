#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "ttrpc/task_client.hpp"

namespace nacre::cli {

CommandLine checkpoint_grammar() {
  CommandLine line("checkpoint [flags] <container-id>", "Saves a running container.");
  for (const auto* name : {"image-path", "work-path", "parent-path"})
    line.value(name, "DIR", "as in runc");
  for (const auto* name : {"status-fd", "page-server", "manage-cgroups-mode"})
    line.value(name, "VALUE", "as in runc");
  line.list("empty-ns", "NAMESPACE", "as in runc");
  for (const auto* name : {"leave-running", "tcp-established", "ext-unix-sk", "shell-job", "lazy-pages",
                           "file-locks", "pre-dump", "auto-dedup"})
    line.flag(name, "as in runc");
  return line;
}

int verb_checkpoint(const GlobalOptions& options) {
  auto line = checkpoint_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto state = oci::read_state(options.state_dir(id));
  const auto status = oci::current_status(state);
  if (status != oci::Status::running && status != oci::Status::paused)
    throw Error(ErrorCode::failed_precondition, "Container cannot be checkpointed in " +
                                                    std::string(oci::to_string(status)) +
                                                    " state"); // runc's words
  const auto folder = line.get("image-path");
  ttrpc::TaskClient::connect(state.socket)
      .checkpoint(id, absolute_path(folder.empty() ? "checkpoint" : folder));
  return 0;
}

} // namespace nacre::cli
