// Tells of an operation that has not returned by its deadline, while it still has not: a plugin that hangs is
// seen.
#pragma once

#include <cstdint>
#include <functional>

namespace nacre::plugin {

class OverdueWatch {
public:
  // What is called when the time is over: once, on another thread, and not after the destructor has returned.
  using Tell = std::function<void()>;

  // `deadline_ns`: CLOCK_MONOTONIC; 0: none, and nothing is watched.
  OverdueWatch(std::uint64_t deadline_ns, Tell tell);
  ~OverdueWatch();
  OverdueWatch(const OverdueWatch&) = delete;
  OverdueWatch& operator=(const OverdueWatch&) = delete;

private:
  std::uint64_t id_ = 0; // 0: not watched
};

} // namespace nacre::plugin
