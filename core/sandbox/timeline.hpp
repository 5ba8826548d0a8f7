// The phases of a sandbox's life with monotonic times: in the log, as JSON beside the state, and drawn by
// `nacre timeline`. Entering a phase is also a failpoint of the same name, so that every phase can be tested
// for what happens when something dies in it.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::sandbox {

struct Phase {
  std::string name;           // "config", "plan", "mounts", "vmm", ...; guest phases are prefixed "guest."
  std::string object;         // container id, plugin name; may be empty
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
  // CPU time that this process has used so far, of all its threads: called when the VMM is about to be
  // spawned, since that is the part of a start that is ours alone. The first call counts.
  void note_cpu_before_vmm();
  std::vector<Phase> phases() const;
  // {"phases":[{"name","object","start_ms","duration_ms"}...],"cpu_ms_before_vmm"}; start relative to the
  // first phase, duration_ms null while it lasts.
  std::string to_json() const;

private:
  friend class Scope;
  void end(std::size_t index);
  mutable std::mutex mutex_;
  std::vector<Phase> phases_;
  std::uint64_t cpu_before_vmm_ns_ = 0;
};

} // namespace nacre::sandbox
