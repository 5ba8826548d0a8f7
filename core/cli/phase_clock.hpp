// The phases of one verb: each is a failpoint and a span of time for the timeline.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::cli {

struct TimedPhase {
  std::string name;
  std::uint64_t start_ns = 0; // CLOCK_MONOTONIC
  std::uint64_t end_ns = 0;   // 0: the last one, which lasts
};

class PhaseClock {
public:
  // Ends the phase before, starts this one and passes the failpoint of its name (which may throw in a test
  // build).
  void enter(std::string_view name);
  const std::vector<TimedPhase>& phases() const noexcept { return phases_; }

private:
  std::vector<TimedPhase> phases_;
};

} // namespace nacre::cli
