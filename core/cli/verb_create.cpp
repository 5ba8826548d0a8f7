#include "cli/verbs.hpp"

#include "cli/container_creation.hpp"
#include "cli/passed_stdio.hpp"

namespace nacre::cli {

CommandLine create_grammar() {
  CommandLine line("create [flags] <container-id>",
                   "Makes a container from a bundle; its process waits for `nacre start`.");
  line.value("bundle,b", "DIR", "folder of the bundle (default: the working folder)");
  line.value("console-socket", "SOCKET", "unix socket that gets the master of the container's terminal");
  line.value("pid-file", "FILE", "file to write the container's pid to");
  line.value("preserve-fds", "N", "number of descriptors above 2 to pass to the process");
  line.flag("no-pivot", "accepted, without effect: the guest always pivots");
  line.flag("no-new-keyring", "keep the session keyring");
  return line;
}

int verb_create(const GlobalOptions& options) {
  auto line = create_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  CreatePlan plan;
  plan.id = line.words().front();
  plan.bundle = absolute_path(line.get("bundle"));
  plan.pid_file = line.get("pid-file");
  plan.console_socket = line.get("console-socket");
  plan.listen_fds = activation_fds();
  plan.preserve_fds = plan.listen_fds + line.number("preserve-fds", max_preserved_fds);
  plan.no_pivot = line.is_set("no-pivot");
  plan.no_new_keyring = line.is_set("no-new-keyring");

  int signal = 0;
  {
    SignalWatch signals;
    ContainerCreation creation(options, std::move(plan));
    try {
      creation.run(signals);
      return 0;
    } catch (const Interrupted& interrupted) {
      signal = interrupted.signal;
    }
  }
  die_of(signal);
}

} // namespace nacre::cli
