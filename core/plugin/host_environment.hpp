// What the sandbox lends to the plugins of its pod. The functions may be called from any thread, also from
// threads of a plugin; they throw nacre::Error, which reaches the plugin as its error.
#pragma once

#include "base/unique_fd.hpp"
#include "journal/journal.hpp"
#include "plugin/limits.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::plugin {

enum class LogLevel : std::uint32_t { debug = 1, info = 2, warning = 3, error = 4 }; // NACRE_LOG_*

// A process that a plugin wants. What it may do is the sandbox's to decide: security rules, cgroup,
// namespaces.
struct SpawnRequest {
  struct Passed {
    UniqueFd fd;
    std::uint32_t target = 0; // its number in the new process, 3 or above
  };
  struct Mount {
    std::string target;
    UniqueFd tree;      // a detached mount; none: a new file system
    std::string fstype; // of a new one
    std::string data;
  };
  std::string plugin;            // who asks: "hypervisor/qemu"
  std::string role;              // "vmm", "virtiofsd", "passt"
  std::vector<std::string> argv; // argv[0] is an absolute path
  std::vector<std::string> env;
  std::vector<Passed> fds;
  UniqueFd netns; // empty: an empty namespace of the pod's own
  bool in_pod_mounts = false;
  std::vector<Mount> mounts; // in a mount namespace of its own
};

struct SpawnedProcess {
  int pid = 0;
  int pidfd = -1; // borrowed: duplicated at once for the plugin
};

// How a process ended that was run to its end.
struct EndedProcess {
  int status = 0;    // as waitpid(2) gives it
  std::string words; // the end of what it wrote
};

struct HostEnvironment {
  std::function<void(LogLevel level, const std::string& plugin, std::string_view text)>
      log; // empty: nobody listens
  // Returns when the exec has succeeded. Empty: plugins cannot spawn (probe, undo).
  std::function<SpawnedProcess(const Limits& limits, SpawnRequest request)> spawn;
  // Returns when the process has ended. Empty as `spawn`.
  std::function<EndedProcess(const Limits& limits, SpawnRequest request)> run;
  std::function<void(int pid, int signal)> signal_process;
  std::function<void(const std::string& plugin, const std::string& name, double value)>
      metric;                          // may be empty
  journal::Journal* journal = nullptr; // null: plugins cannot change the host (probe)
  // A folder of the pod's, which exists and goes with the pod; plugins get folders below it, made when they
  // ask: <pod_folder>/<kind>-<name>. Short, since unix sockets are made there. "": none.
  std::string pod_folder;
};

} // namespace nacre::plugin
