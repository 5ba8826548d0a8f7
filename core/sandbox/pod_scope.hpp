// The pod's unit with the systemd driver: a transient scope around its processes, whose cgroup is delegated
// to us.
#pragma once

#include "journal/journal.hpp"
#include "systemd/scope_name.hpp"

#include <cstdint>
#include <string>

namespace nacre::sandbox {

class PodScope {
public:
  // Made around `first_pid`; it has a record in the journal before. Throws Error, with nothing left, where
  // systemd is not this host's init, cannot be asked, or has a unit of that name; a slice of that name is
  // used as it is.
  PodScope(journal::Journal& journal, const systemd::ScopeName& scope, const std::string& container_id,
           int first_pid);

  bool is_ours() const noexcept { return ours_; } // false: a slice that others made
  // Stopped, if it is ours. Its processes have ended before: systemd would wait for them. Throws Error.
  void stop();

private:
  journal::Journal& journal_;
  std::string unit_;
  std::uint64_t record_ = 0;
  bool ours_ = false;
};

} // namespace nacre::sandbox
