// One container's cgroup (v2) in the guest: signals to all, freezing, counters.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace nacre::agent {

class Cgroup {
public:
  // The cgroup that a process is in. Throws Error when it is gone.
  static Cgroup of_process(pid_t pid);

  const std::string& folder() const noexcept { return folder_; }
  // The root of the hierarchy holds the whole guest, the agent included: nothing may be done to it.
  bool is_root() const noexcept;

  // Every process in it and below.
  std::vector<pid_t> processes() const;
  // SIGKILL goes through cgroup.kill, which needs no memory and no fork and cannot be outrun by a fork bomb.
  void signal_all(int signal) const;
  // Writes the wanted state and waits until the kernel says that it holds. Throws Error.
  void freeze(bool frozen) const;
  // Raw content of the counters that the kernel has: "memory.current" and so on.
  std::map<std::string, std::string> counters() const;
  // How often the OOM killer has ended a process in it; 0 when unknown.
  std::uint64_t oom_kills() const;

private:
  explicit Cgroup(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
};

// The value of `name` in a flat keyed file ("oom_kill 1\n..."); 0 when absent.
std::uint64_t flat_keyed_value(std::string_view text, std::string_view name);

} // namespace nacre::agent
