#include "sandbox/pod_scope.hpp"

#include "base/error.hpp"
#include "journal/core_undo.hpp"
#include "systemd/manager.hpp"

namespace nacre::sandbox {

PodScope::PodScope(journal::Journal& journal, const systemd::ScopeName& scope,
                   const std::string& container_id, int first_pid)
    : journal_(journal), unit_(scope.unit) {
  if (!systemd::booted())
    throw Error(ErrorCode::failed_precondition, "make systemd unit", unit_)
        .because("systemd cgroup flag passed, but systemd support for managing cgroups is not available")
        .hint("run it without --systemd-cgroup");
  auto manager = systemd::Manager::connect();
  systemd::TransientUnit unit{unit_, "nacre container " + container_id, scope.slice, {}};
  if (scope.is_slice()) {
    // Others may have made it and rely on it, so only what was made is recorded; an empty slice harms nobody.
    ours_ = manager.start(unit);
    if (ours_) record_ = journal_.append(journal::stop_unit(unit_));
    return;
  }
  unit.pids = {first_pid};
  record_ = journal_.append(journal::stop_unit(unit_));
  try {
    ours_ = manager.start(unit);
  } catch (const Error& error) {
    // It may be on its way all the same: then the record takes it back.
    if (error.code() != ErrorCode::deadline_exceeded) journal_.done(record_);
    throw;
  }
  if (ours_) return;
  journal_.done(record_);
  throw Error(ErrorCode::already_exists, "make systemd unit", unit_)
      .because("a unit of this name is there already");
}

void PodScope::stop() {
  if (!ours_) return;
  systemd::Manager::connect().stop(unit_);
  journal_.done(record_);
  ours_ = false;
}

} // namespace nacre::sandbox
