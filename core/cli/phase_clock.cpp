#include "cli/phase_clock.hpp"

#include "base/failpoint.hpp"
#include "cli/output.hpp"

#include <ctime>

namespace nacre::cli {

void PhaseClock::enter(std::string_view name) {
  std::timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto ns =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
  if (!phases_.empty()) phases_.back().end_ns = ns;
  phases_.push_back({std::string(name), ns, 0});
  log_debug("phase " + phases_.back().name);
  failpoint(name);
}

} // namespace nacre::cli
