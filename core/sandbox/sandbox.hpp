// One pod: its VM, plugins, agent connection, containers, journal and timeline. The Task service (core/shim)
// is the only caller. Every method may be called from any thread; calls that take long (create_container,
// start_container, exec, delete_container, shutdown) block their caller. All throw nacre::Error.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "launch/holder.hpp"
#include "sandbox/timeline.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nacre::sandbox {

// The ends on the host's side of one process's stdio. Each is owned by the process from create on, and closed
// when its stream has ended. With a terminal, `in` and `out` are descriptors of the same terminal and `err`
// is empty.
struct ProcessIo {
  UniqueFd in;  // read by us; empty: the process has no stdin
  UniqueFd out; // written by us; empty: output is thrown away
  UniqueFd err;
  bool terminal = false;
  // The process's descriptors 3, 4, ...: each one end of a pipe or a stream socket.
  std::vector<UniqueFd> descriptors = {};
};

struct SandboxOptions {
  std::string namespace_name; // containerd's namespace; empty at the command-line door
  std::string state_dir;      // <root>/<id>, exists, mode 0700; journal/, state.json, timeline.json go here
  std::string config_file;    // empty: the default places (config/locate.hpp)
  bool systemd_cgroup = false;
};

enum class ProcessStatus { created, running, stopped, paused };
const char* to_string(ProcessStatus status); // OCI's words

struct ProcessState {
  std::string container_id;
  std::string exec_id; // empty: the first process
  ProcessStatus status = ProcessStatus::created;
  int pid = 0;                   // the holder's; 0 when it has none yet
  std::uint32_t exit_status = 0; // valid when stopped
  std::chrono::system_clock::time_point exited_at{};
  std::string bundle;
};

// A process of a container as the host sees it.
struct HostPid {
  int pid = 0;         // a holder's or a mirror's
  std::string exec_id; // of what Exec started; else empty
};

// How full a file system of the guest is, as statvfs(3) says it.
struct VolumeStats {
  std::uint64_t total_bytes = 0, free_bytes = 0, available_bytes = 0, total_inodes = 0, free_inodes = 0;
};

// Counters of a container, as the guest tells them.
struct ContainerStats {
  struct Interface {
    std::string name;
    std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
    std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
  };
  std::map<std::string, std::string> cgroup; // files of its cgroup (v2), name -> content
  std::vector<Interface> interfaces;         // the guest's, without lo
};

// A device with the root file system that is not mounted on the host: the guest may do that itself.
struct RootDevice {
  std::string node;
  std::string fstype;
  std::vector<std::string> options; // of the mount
  std::function<void()> mount;      // mounts it at <bundle>/rootfs after all
};

struct CreateRequest {
  std::string container_id;
  std::string bundle;    // absolute
  std::string state_dir; // where this container's state.json is kept; empty: none
  ProcessIo io;
  std::unique_ptr<launch::Holder> holder; // empty: the sandbox process spawns one
  // Of the rootfs mounts that containerd asks for (Task.Create.rootfs), what the caller has not mounted at
  // <bundle>/rootfs already.
  std::optional<RootDevice> root_device;
  bool no_new_keyring = false;
  // How many of io.descriptors, from 3 on, are those of socket activation: the process is told as by
  // sd_listen_fds(3).
  std::uint32_t listen_fds = 0;
  bool no_pivot = false;
};

struct ExecRequest {
  std::string container_id;
  std::string exec_id;
  std::string process_json; // an OCI process object
  ProcessIo io;
  std::unique_ptr<launch::Holder> holder; // empty: the sandbox process spawns one at start
};

enum class LogLevel { debug, info, warning, error };

// What the shim tells the engine. Called on the sandbox's own thread, in order, never concurrently; must not
// block for long and must not call back into the Sandbox's blocking methods.
struct SandboxEvents {
  std::function<void(const ProcessState&)> exited; // after the streams have drained and the holder was told
  std::function<void(const std::string& container_id)> oom;
  std::function<void(const std::string& reason)>
      sandbox_died; // the VM is gone; containers were reported before
  // A line for the program's log. From any thread.
  std::function<void(LogLevel level, const std::string& text)> log;
  // The configuration asks for debug lines. Once, before most of them; may be empty.
  std::function<void()> debug_wanted = {};
};

class Sandbox {
public:
  Sandbox(SandboxOptions options, SandboxEvents events);
  ~Sandbox(); // does not tear down: shutdown() does

  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // The first container starts the VM. On failure everything it did is undone before it throws.
  // Returns the holder's pid.
  int create_container(CreateRequest request);
  int start_container(const std::string& container_id);
  // Registers an exec (Task.Exec); start_exec runs it. Returns the holder's pid.
  void add_exec(ExecRequest request);
  int start_exec(const std::string& container_id, const std::string& exec_id);

  void kill(const std::string& container_id, const std::string& exec_id, int signal, bool all);
  void resize_pty(const std::string& container_id, const std::string& exec_id, int rows, int columns);
  void close_stdin(const std::string& container_id, const std::string& exec_id);
  ProcessState state(const std::string& container_id, const std::string& exec_id) const;
  // Every process that runs in the container, the first one first; for one that the guest has started itself
  // a mirror is made (mirrors.hpp), so this asks the guest.
  std::vector<HostPid> pids(const std::string& container_id);
  // Calls back once, on the sandbox's own thread or at once, when the process has stopped.
  void on_exit(const std::string& container_id, const std::string& exec_id,
               std::function<void(const ProcessState&)> callback);
  // Removes a stopped process (exec) or container; with the last container goes the VM.
  ProcessState delete_process(const std::string& container_id, const std::string& exec_id);
  // A shell in the guest, if the configuration has switched it on (agent_client/debug_console.hpp).
  void open_debug_console(const std::string& container_id, UniqueFd socket, std::uint32_t rows,
                          std::uint32_t columns, std::function<void(const std::optional<Error>&)> opened);
  // All processes of the container stand still in the guest; pause answers when they do.
  void pause(const std::string& container_id);
  void resume(const std::string& container_id);
  void update(const std::string& container_id, const std::string& resources_json);
  ContainerStats stats(const std::string& container_id);
  // Of a direct volume that the container has (oci/direct_volume.hpp), by the path that it mounts.
  VolumeStats volume_stats(const std::string& container_id, const std::string& path);
  // The disk of a direct volume, or one that the container has as a device (`path` is its node), has become
  // larger on the host, and has `bytes` or more now.
  void grow_volume(const std::string& container_id, const std::string& path, std::uint64_t bytes);
  void
  checkpoint(const std::string& container_id); // throws: saving is not implemented, and says what hinders it

  bool empty() const; // no containers are left
  // Ends everything that is left, without mercy, plays the journal back. Never throws; logs.
  void shutdown() noexcept;

  Timeline& timeline();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Plays back the journal of a sandbox whose process is dead: processes, mounts, links, cgroups, state.
// Idempotent. `state_dir` itself is removed last.
void clean_up_dead_sandbox(const std::string& state_dir);

} // namespace nacre::sandbox
