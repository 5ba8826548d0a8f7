// What `nacre create` and the first half of `nacre run` do: everything from the bundle to a created
// container, undone unless it succeeds (docs/architecture.md, "nacre create").
#pragma once

#include "base/process_identity.hpp"
#include "base/unique_fd.hpp"
#include "cli/console.hpp"
#include "cli/global_options.hpp"
#include "cli/phase_clock.hpp"
#include "cli/sandbox_process.hpp"
#include "cli/signal_watch.hpp"
#include "launch/holder.hpp"
#include "oci/spec.hpp"
#include "oci/state.hpp"
#include "ttrpc/descriptors.hpp"
#include "ttrpc/task_client.hpp"

#include <memory>
#include <optional>
#include <string>

namespace nacre::cli {

struct CreatePlan {
  std::string id;
  std::string bundle;           // absolute
  std::string pid_file;         // "": none
  std::string console_socket;   // "": none
  std::size_t preserve_fds = 0; // with those of socket activation, which come first
  std::size_t listen_fds = 0;
  bool no_new_keyring = false;
  bool no_pivot = false;
  bool foreground = false;      // the container lives no longer than this process
  bool own_terminal = false;    // with a terminal but without console socket: the caller relays
  std::optional<bool> terminal; // overrides process.terminal
};

class ContainerCreation {
public:
  // Checks everything that can be checked before anything is started. Throws Error.
  ContainerCreation(const GlobalOptions& options, CreatePlan plan);
  ContainerCreation(const ContainerCreation&) = delete;
  ContainerCreation& operator=(const ContainerCreation&) = delete;
  ~ContainerCreation(); // undoes what run() did, unless it has succeeded

  // Throws Error, or Interrupted when a signal of `signals` comes first.
  void run(SignalWatch& signals);

  // After run(). The holder is our child; its control is the sandbox process's.
  const launch::Holder& holder() const { return *holder_; }
  ttrpc::TaskClient& task() { return *task_; }
  const oci::Spec& spec() const { return spec_; }
  const oci::State& state() const { return state_; }
  UniqueFd take_terminal() { return std::move(pty_.master); } // with own_terminal
  SandboxPlan sandbox_plan() const;

private:
  void check() const;
  bool wants_terminal() const;
  std::optional<oci::State> joined_sandbox() const;
  void find_sandbox();
  void start_sandbox();
  void start_holder();
  void create_task(SignalWatch& signals);
  void write_pid_file();
  void save() const;
  void undo() noexcept;
  void end_sandbox();

  const GlobalOptions& options_;
  CreatePlan plan_;
  oci::Spec spec_;
  oci::State state_;
  std::string state_dir_;
  PhaseClock clock_;
  std::optional<ConsoleSocket> console_;
  Pty pty_;

  // What there is to undo.
  bool has_folder_ = false;
  bool has_pid_file_ = false;
  bool joins_ = false; // the sandbox process serves other containers of the pod
  std::unique_ptr<SandboxSockets> sockets_;
  ProcessIdentity sandbox_;
  std::optional<ttrpc::TaskClient> task_;
  std::optional<ttrpc::DescriptorConnection> descriptors_;
  std::unique_ptr<launch::Holder> holder_;
  bool done_ = false;
};

} // namespace nacre::cli
