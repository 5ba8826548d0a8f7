#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/container_creation.hpp"
#include "cli/container_deletion.hpp"
#include "cli/foreground.hpp"
#include "cli/interruptible.hpp"
#include "cli/output.hpp"
#include "cli/passed_stdio.hpp"

namespace nacre::cli {
namespace {

struct RunFlags {
  bool detach = false;
  bool keep = false;
};

CreatePlan parse(CommandLine& line, const RunFlags& flags) {
  CreatePlan plan;
  plan.id = line.words().front();
  plan.bundle = absolute_path(line.get("bundle"));
  plan.pid_file = line.get("pid-file");
  plan.console_socket = line.get("console-socket");
  plan.listen_fds = activation_fds();
  plan.preserve_fds = plan.listen_fds + line.number("preserve-fds", max_preserved_fds);
  plan.no_pivot = line.is_set("no-pivot");
  plan.no_new_keyring = line.is_set("no-new-keyring");
  if (line.is_set("tty")) plan.terminal = true;
  plan.foreground = !flags.detach && !flags.keep;
  plan.own_terminal = !flags.detach && plan.console_socket.empty();
  return plan;
}

// Starts the created container, waits for its end in the foreground, removes it. The code to exit with.
int run_created(const GlobalOptions& options, ContainerCreation& creation, SignalWatch& signals,
                const RunFlags& flags) {
  const auto& state = creation.state();
  try {
    ttrpc::task::StartRequest request;
    request.set_id(state.id);
    call_interruptibly(creation.task(), "Start", request.SerializeAsString(), signals);
  } catch (...) {
    delete_container(options, state, true);
    throw;
  }
  if (flags.detach) return 0;
  const int code = wait_in_foreground(creation.holder(), signals, creation.take_terminal());
  if (!flags.keep) delete_container(options, state, true);
  return code;
}

} // namespace

CommandLine run_grammar() {
  CommandLine line("run [flags] <container-id>",
                   "Creates and starts a container, waits for its end and deletes it.");
  line.value("bundle,b", "DIR", "folder of the bundle (default: the working folder)");
  line.value("console-socket", "SOCKET", "unix socket that gets the master of the container's terminal");
  line.flag("detach,d", "do not wait for the end");
  line.flag("tty,t", "with a terminal, whatever config.json says");
  line.flag("keep", "do not delete the container after its end");
  line.value("pid-file", "FILE", "file to write the container's pid to");
  line.flag("no-subreaper", "do not reap the container's orphans on the host");
  line.flag("no-pivot", "accepted, without effect: the guest always pivots");
  line.flag("no-new-keyring", "keep the session keyring");
  line.value("preserve-fds", "N", "number of descriptors above 2 to pass to the process");
  return line;
}

int verb_run(const GlobalOptions& options) {
  auto line = run_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const RunFlags flags{line.is_set("detach"), line.is_set("keep")};
  if (!flags.detach && !line.is_set("no-subreaper")) become_subreaper();

  int signal = 0;
  {
    SignalWatch signals(forwarded_signals());
    ContainerCreation creation(options, parse(line, flags));
    try {
      creation.run(signals);
      return run_created(options, creation, signals, flags);
    } catch (const Interrupted& interrupted) {
      signal = interrupted.signal;
    }
  }
  die_of(signal);
}

} // namespace nacre::cli
