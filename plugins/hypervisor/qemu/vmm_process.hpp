// The QEMU process, which the host started and reaps.
#pragma once

#include <nacre/sdk/host.hpp>

#include <optional>
#include <string>

namespace nacre::qemu {

class VmmProcess {
public:
  VmmProcess(sdk::Host host, sdk::Process process) : host_(host), process_(process) {}

  int pid() const { return process_.pid; }
  int pidfd() const { return process_.pidfd; }
  bool has_exited() const { return wait_for_exit(0); }
  // False when it still runs after `milliseconds` (-1: no limit).
  bool wait_for_exit(int milliseconds) const;
  void kill() const noexcept; // SIGKILL; does not wait
  // As waitpid gives it; nothing while it runs, or when the host has reaped it already.
  std::optional<int> exit_status() const;

private:
  sdk::Host host_;
  sdk::Process process_;
};

// "exit status 1", "signal 9 (Killed)"
std::string exit_words(std::optional<int> status);

} // namespace nacre::qemu
