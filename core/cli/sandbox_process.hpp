// The sandbox process as `nacre` sees it: spawned with its two sockets, talked to, and seen to its end.
#pragma once

#include "base/process_identity.hpp"
#include "base/unique_fd.hpp"

#include <chrono>
#include <string>

namespace nacre::cli {

struct SandboxPlan {
  std::string id;
  std::string root;
  std::string state_dir;
  std::string config; // "": the default places
  bool systemd_cgroup = false;
  std::string socket; // path of the ttrpc socket; the descriptor socket is beside it
};

// The two sockets, bound and listening before the sandbox process exists, so that nobody waits for it. The
// files are removed when destroyed, unless keep() was called.
class SandboxSockets {
public:
  explicit SandboxSockets(const std::string& path); // throws Error; what lies there from before is replaced
  SandboxSockets(SandboxSockets&&) = delete;
  ~SandboxSockets();
  void keep() noexcept { path_.clear(); }
  int task_fd() const noexcept { return task_.get(); }
  int descriptor_fd() const noexcept { return descriptors_.get(); }
  void close() noexcept; // our copies; the sandbox process has its own

private:
  std::string path_;
  UniqueFd task_, descriptors_;
};

// For a sandbox of that id. The usual place is taken while containers live on that have joined an earlier
// one.
std::string free_socket_path(const std::string& root, const std::string& id);

// Removes the socket files of a sandbox that has ended.
void remove_sandbox_sockets(const std::string& path) noexcept;

// Starts containerd-shim-nacre-v2 in a session of its own; it inherits the two sockets and nothing else. It
// is a child of this process. Throws Error when it cannot be executed.
ProcessIdentity spawn_sandbox(const SandboxPlan& plan, const SandboxSockets& sockets);

// Waits until that process has ended, then reaps it if it is our child. False: it still lives after
// `timeout`.
bool wait_for_end(const ProcessIdentity& process, std::chrono::milliseconds timeout);

// Ends it at once and waits until it has gone. Nothing happens when it lives no more.
void kill_process(const ProcessIdentity& process) noexcept;

// Runs `containerd-shim-nacre-v2 delete`, which plays back the journal of a dead sandbox process. Throws
// Error with what it wrote to stderr.
void clean_up_dead_sandbox(const SandboxPlan& plan);

// The last lines of the sandbox process's own log, as the end of an error; "" when it has written none.
std::string tail_of_log(const std::string& state_dir);

} // namespace nacre::cli
