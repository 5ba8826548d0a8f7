// The phases of a sandbox's life with monotonic times: in the log, as JSON beside the state, and drawn by
// `nacre timeline`. Entering a phase is also a failpoint of the same name, so that every phase can be tested for
// what happens when something dies in it.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::sandbox {

struct Phase {
  std::string name;      // "config", "plan", "mounts", "vmm", ...; guest phases are prefixed "guest."
  std::string object;    // container id, plugin name; may be empty
  std::uint64_t start_ns = 0; // CLOCK_MONOTONIC
  std::uint64_t end_ns = 0;   // 0 while it lasts
};

class Timeline {
 public:
  // Ends its phase when destroyed.
  class Scope {
   public:
    Scope(Timeline& timeline, std::size_t index) : timeline_(&timeline), index_(index) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { timeline_->end(index_); }

   private:
    Timeline* timeline_;
    std::size_t index_;
  };

  // Starts a phase; passes the failpoint of that name (may throw in a test build).
  [[nodiscard]] Scope phase(std::string name, std::string object = {});
  void add(Phase finished); // one measured elsewhere (the guest, nacre create)
  std::vector<Phase> phases() const;
  std::string to_json() const; // {"phases":[{"name","object","start_ms","duration_ms"}...]}, start relative to the first

 private:
  friend class Scope;
  void end(std::size_t index);
  mutable std::mutex mutex_;
  std::vector<Phase> phases_;
};

} // namespace nacre::sandbox
