// Deadline and cancellation of one operation.
#pragma once

#include <chrono>
#include <cstdint>

namespace nacre::plugin {

struct Limits {
  std::uint64_t deadline_ns = 0; // CLOCK_MONOTONIC; 0: none
  int cancel_fd = -1;            // readable when the result is not wanted any more; borrowed; -1: never

  static Limits none() { return {}; }
  static Limits within(std::chrono::nanoseconds time, int cancel_fd = -1) {
    const auto end = std::chrono::steady_clock::now().time_since_epoch() + time; // CLOCK_MONOTONIC on Linux
    return {static_cast<std::uint64_t>(std::chrono::nanoseconds(end).count()), cancel_fd};
  }
};

} // namespace nacre::plugin
