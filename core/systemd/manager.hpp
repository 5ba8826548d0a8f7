// systemd's manager (org.freedesktop.systemd1(5)): transient units, started and stopped with their jobs
// waited for. Used from one thread at a time. Everything throws Error.
#pragma once

#include "base/unique_fd.hpp"

#include <memory>
#include <string>
#include <vector>

namespace nacre::systemd {

// Is systemd this host's init? sd_booted(3).
bool booted();

struct TransientUnit {
  std::string name;        // "docker-<id>.scope", or a slice's
  std::string description; // what `systemctl status` shows
  std::string slice;       // the unit's own slice; for a slice the one that it wants
  std::vector<int> pids;   // of a scope: at least one, and all move into its cgroup
};

class Manager {
public:
  // Over the system bus; where none runs, over systemd's own socket, which only root may use.
  static Manager connect();
  // Over a connected socket, a peer that needs no bus: for tests.
  static Manager over(UniqueFd socket);

  Manager(Manager&&) noexcept;
  Manager& operator=(Manager&&) noexcept;
  ~Manager();

  // False: a unit of this name is there already, and nothing was changed. A failed one of that name is
  // forgotten first.
  bool start(const TransientUnit& unit);
  // A unit that is not there (any more) is fine.
  void stop(const std::string& unit);

private:
  struct Impl;
  explicit Manager(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace nacre::systemd
