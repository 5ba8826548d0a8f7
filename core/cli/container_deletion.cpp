#include "cli/container_deletion.hpp"

#include "base/error.hpp"
#include "base/process_identity.hpp"
#include "cli/output.hpp"
#include "cli/phase_clock.hpp"
#include "cli/sandbox_process.hpp"
#include "cli/state_folder.hpp"
#include "ttrpc/address.hpp"
#include "ttrpc/task_client.hpp"

#include <csignal>
#include <unistd.h>

namespace nacre::cli {
namespace {

using std::chrono::seconds;

// With --force nobody waits for ever for a sandbox process that hangs.
constexpr seconds patience{20};

bool has_journal(const std::string& state_dir) {
  return ::access((state_dir + "/journal").c_str(), F_OK) == 0;
}

SandboxPlan plan_of(const GlobalOptions& options, const oci::State& state) {
  return {state.id,       options.root,           options.state_dir(state.id),
          options.config, options.systemd_cgroup, state.socket};
}

// Over the Task API, from a sandbox process that lives.
void delete_task(const oci::State& state, bool force) {
  const ttrpc::Timeout timeout = force ? ttrpc::Timeout(patience) : std::nullopt;
  auto task = ttrpc::TaskClient::connect(state.socket);
  if (force) {
    try {
      task.kill(state.id, "", SIGKILL, true, timeout);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::not_found && error.code() != ErrorCode::failed_precondition) throw;
    }
  }
  try {
    // The holder is gone before the sandbox process has noted the end: that moment must not be an error.
    task.wait(state.id, {}, timeout);
    task.remove(state.id, {}, timeout);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_found) throw; // an earlier delete was cut short after this step
  }
  task.shutdown(state.id, timeout);
}

// Where the sandbox's journal is by now.
std::string home_of_sandbox(const GlobalOptions& options, const oci::State& state) {
  const auto now = oci::read_state(options.state_dir(state.id));
  return now.sandbox_dir.empty() ? options.state_dir(now.sandbox_id) : now.sandbox_dir;
}

// True when the sandbox process has ended in order, or serves on for others.
bool try_delete_task(const GlobalOptions& options, const oci::State& state, const ProcessIdentity& sandbox,
                     bool force) {
  try {
    delete_task(state, force);
    const auto home = home_of_sandbox(options, state);
    const bool is_here = home == options.state_dir(state.id);
    if (!is_here && ::access(home.c_str(), F_OK) == 0) return true; // it serves others
    return wait_for_end(sandbox, patience);
  } catch (const Error& error) {
    if (!force && sandbox.alive()) throw;
    log_debug(error.what());
    return false;
  }
}

} // namespace

void delete_container(const GlobalOptions& options, const oci::State& state, bool force) {
  PhaseClock clock;
  clock.enter("delete.task");
  const ProcessIdentity sandbox{state.sandbox_pid, state.sandbox_start_ticks};
  const bool own_sandbox =
      state.sandbox_dir.empty() && (state.sandbox_id.empty() || state.sandbox_id == state.id);
  // Its own container has gone: whoever finds the sandbox dead cleans up after it.
  const bool nobodys_sandbox = !state.sandbox_dir.empty();
  const bool in_order = sandbox.alive() && try_delete_task(options, state, sandbox, force);
  if (!in_order && (own_sandbox || nobodys_sandbox)) {
    kill_process(sandbox);
    auto plan = plan_of(options, state);
    if (sandbox.pid != 0 && (own_sandbox || has_journal(plan.state_dir))) clean_up_dead_sandbox(plan);
    plan.state_dir = state.sandbox_dir;
    if (nobodys_sandbox && ::access(plan.state_dir.c_str(), F_OK) == 0) clean_up_dead_sandbox(plan);
  }
  clock.enter("delete.state");
  // A sandbox process that lives on still listens; one that has ended in order has removed its own.
  if (!in_order && (own_sandbox || nobodys_sandbox)) remove_sandbox_sockets(state.socket);
  remove_state_folder(options.state_dir(state.id));
}

void delete_remains(const GlobalOptions& options, const std::string& id) {
  remove_sandbox_sockets(ttrpc::socket_path(options.root, "", id));
  remove_state_folder(options.state_dir(id));
}

} // namespace nacre::cli
