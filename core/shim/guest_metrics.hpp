// What Task.Stats answers: the counters of a container's cgroup in the guest, as containerd's metrics of
// cgroup v2.
#pragma once

#include "sandbox/sandbox.hpp"
#include "ttrpc/proto/metrics_v2.pb.h"

namespace nacre::shim {

io::containerd::cgroups::v2::Metrics guest_metrics(const sandbox::ContainerStats& stats);

} // namespace nacre::shim
