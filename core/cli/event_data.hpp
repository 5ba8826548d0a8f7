// The lines of `nacre events`, in the form of runc's.
#pragma once

#include "ttrpc/proto/nacre_task.pb.h"

#include <chrono>
#include <string>

namespace nacre::cli {

// {"type":"stats","id":...,"data":...} and a newline. The counters are the guest's kernel's, of cgroup v2;
// what only version 1 counts is absent or 0.
std::string stats_line(const std::string& id, const nacre::task::v1::RawStatsResponse& stats);

// {"type":"oom","id":...} and a newline.
std::string oom_line(const std::string& id);

// "5s", "100ms", "1m30s", "1.5h": what Go, and so runc, takes for a duration. Throws Error.
std::chrono::nanoseconds parse_duration(const std::string& text);

} // namespace nacre::cli
