// The guest's part of a start's timeline: what took how long since the kernel's first instruction.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::agent {

// Nanoseconds of CLOCK_BOOTTIME, whose zero is the kernel's own start.
std::uint64_t boottime_ns();

class Timeline {
public:
  struct Phase {
    std::string name;
    std::string object; // container id, module or mount point; may be empty
    std::uint64_t start_ns = 0;
    std::uint64_t end_ns = 0;
  };

  // Records its phase when destroyed, so a phase that fails is there too.
  class Scope {
  public:
    Scope(Timeline& timeline, std::string name, std::string object)
        : timeline_(timeline), phase_{std::move(name), std::move(object), boottime_ns(), 0} {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() {
      phase_.end_ns = boottime_ns();
      timeline_.add(std::move(phase_));
    }

  private:
    Timeline& timeline_;
    Phase phase_;
  };

  [[nodiscard]] Scope phase(std::string name, std::string object = {}) {
    return {*this, std::move(name), std::move(object)};
  }
  void add(Phase phase);
  std::vector<Phase> phases() const;

private:
  mutable std::mutex mutex_;
  std::vector<Phase> phases_;
};

} // namespace nacre::agent
