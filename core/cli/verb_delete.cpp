#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/container_deletion.hpp"
#include "oci/container_id.hpp"

#include <optional>
#include <sys/stat.h>

namespace nacre::cli {
namespace {

std::optional<oci::State> find(const GlobalOptions& options, const std::string& id, bool force) {
  try {
    return oci::read_state(options.state_dir(id));
  } catch (const Error&) {
    struct stat status {};
    const bool folder = ::stat(options.state_dir(id).c_str(), &status) == 0;
    if (!force) throw;
    if (folder) delete_remains(options, id);
    return std::nullopt;
  }
}

} // namespace

CommandLine delete_grammar() {
  CommandLine line("delete [--force] <container-id>", "Removes a container that has stopped.");
  line.flag("force,f", "kill it first if it runs; a container that does not exist is no error");
  return line;
}

int verb_delete(const GlobalOptions& options) {
  auto line = delete_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const bool force = line.is_set("force");
  const auto state = find(options, id, force);
  if (!state) return 0;
  const auto status = oci::current_status(*state);
  // runc kills a created container without being asked to, since it has not run anything yet.
  const bool kill = force || status == oci::Status::created;
  if (status != oci::Status::stopped && !kill)
    throw Error(ErrorCode::failed_precondition, "cannot delete container " + id + " that is not stopped: " +
                                                    std::string(oci::to_string(status)))
        .hint("stop it, or use --force");
  delete_container(options, *state, kill);
  return 0;
}

} // namespace nacre::cli
