// The processes of the pod on the host: VMM and helpers that plugins ask for, and hooks. Each is confined
// here, by one process plan: cgroup, namespaces, the security plugins' rules, the parent-death signal.
#pragma once

#include "agent_client/io_loop.hpp"
#include "base/unique_fd.hpp"
#include "journal/journal.hpp"
#include "launch/process.hpp"
#include "launch/spawner.hpp"
#include "plugin/host_environment.hpp"
#include "sandbox/tail_reader.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::launch {
class ProcessPlan;
}

namespace nacre::sandbox {

class HostProcesses {
public:
  // Adds the security plugins' rules to a plan.
  using Confine = std::function<void(const plugin::SpawnRequest& request, launch::ProcessPlan& plan)>;

  HostProcesses(launch::Spawner& spawner, agent_client::IoLoop& loop, journal::Journal& journal);
  ~HostProcesses(); // ends what is left

  void set_cgroup(std::vector<std::string> procs_files) { cgroup_procs_ = std::move(procs_files); }
  void set_pod_mounts(int namespace_fd) { pod_mounts_fd_ = namespace_fd; } // borrowed
  void set_confine(Confine confine) { confine_ = std::move(confine); }
  // Told on the loop's thread of the end of a process that was not asked to: its role, and how ("was killed
  // by signal 9"). Set before the first spawn.
  using Ended = std::function<void(const std::string& role, const std::string& how)>;
  void set_ended(Ended ended) { told_ended_ = std::move(ended); }

  // For plugin::HostEnvironment. From any thread.
  plugin::SpawnedProcess spawn(const plugin::Limits& limits, plugin::SpawnRequest request);
  // Until its end, which nobody is told of but the caller.
  plugin::EndedProcess run(const plugin::Limits& limits, plugin::SpawnRequest request);
  void signal(int pid, int number);

  // What the processes of this role wrote last, for an error's sentence. From any thread.
  std::string last_words(const std::string& role, std::size_t limit);
  // How a process of this role ended, when one has ("exited with status 1", "was killed by signal 9"); else
  // "".
  std::string ending(const std::string& role);

  // The first process of another role than `but_role` that has ended without being asked to, with what it
  // wrote last: "virtiofsd exited with status 1, which wrote last: ..."; else "".
  std::string ended_helper(const std::string& but_role, std::size_t limit);

  // Kills what is left and waits for its end.
  void end_all() noexcept;

private:
  struct Entry {
    launch::Process process;
    std::string role;
    std::unique_ptr<TailReader> output;
    std::uint64_t record = 0; // in the journal
    agent_client::IoLoop::Id watch = 0;
    std::string ending;
  };
  std::unique_ptr<Entry> start(plugin::SpawnRequest request);
  void watch(Entry& entry);
  void ended(int pid);

  launch::Spawner& spawner_;
  agent_client::IoLoop& loop_;
  journal::Journal& journal_;
  std::vector<std::string> cgroup_procs_;
  int pod_mounts_fd_ = -1;
  Confine confine_;
  Ended told_ended_;
  std::mutex mutex_;
  std::map<int, std::unique_ptr<Entry>> entries_; // under mutex_
};

} // namespace nacre::sandbox
