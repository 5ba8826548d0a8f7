#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/signal_name.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "ttrpc/task_client.hpp"

namespace nacre::cli {
namespace {

// The words that containerd's runc shim takes for "it has ended already".
[[noreturn]] void not_running() {
  throw Error(ErrorCode::failed_precondition, "container not running");
}

} // namespace

CommandLine kill_grammar() {
  CommandLine line("kill [--all] <container-id> [signal]",
                   "Sends a signal (default: TERM) to the container's first process.");
  line.flag("all,a", "to all processes of the container");
  return line;
}

int verb_kill(const GlobalOptions& options) {
  auto line = kill_grammar();
  if (!line.parse(options.arguments, 1, 2)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const int signal = parse_signal(line.words().size() > 1 ? line.words()[1] : "TERM");
  const bool all = line.is_set("all");

  const auto state = oci::read_state(options.state_dir(id));
  const auto status = oci::current_status(state);
  if (status == oci::Status::stopped && all) return 0; // as runc: nobody is left to get it
  if (status == oci::Status::stopped || status == oci::Status::creating) not_running();
  try {
    ttrpc::TaskClient::connect(state.socket).kill(id, "", signal, all);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::not_found) not_running();
    throw;
  }
  return 0;
}

} // namespace nacre::cli
