#include "timeline.hpp"

#include <ctime>

namespace nacre::agent {

namespace {
// A sandbox that runs for months starts many execs; the start is what the timeline is for.
constexpr std::size_t most_phases = 512;
} // namespace

std::uint64_t boottime_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

void Timeline::add(Phase phase) {
  const std::lock_guard lock(mutex_);
  if (phases_.size() < most_phases) phases_.push_back(std::move(phase));
}

std::vector<Timeline::Phase> Timeline::phases() const {
  const std::lock_guard lock(mutex_);
  return phases_;
}

} // namespace nacre::agent
