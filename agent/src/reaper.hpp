// Collects every child of pid 1: the crun processes that the agent starts, the container processes that crun
// leaves to it, and orphans of the guest.
#pragma once

#include "spawn.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <sys/types.h>

namespace nacre::agent {

// A wait status as engines show it: the exit code, or 128 plus the signal's number.
std::uint32_t exit_status_of(int wait_status);

class Reaper {
public:
  using ExitHandler = std::function<void(std::uint32_t status)>;

  // Blocks SIGCHLD in the calling thread and all that it starts later: call before the first thread.
  static void block_child_signal();

  // Collects children for ever. Handlers run on this thread and must not wait for another child.
  [[noreturn]] void run();

  // Starts a program and waits for its end. Callable from any other thread. Throws Error when it cannot
  // start.
  std::uint32_t run_program(const SpawnPlan& plan);

  // Between the two, children that nobody watches yet are remembered, so that a container process that ends
  // before crun has told its pid is not lost. Pairs nest.
  class Births {
  public:
    explicit Births(Reaper& reaper);
    Births(const Births&) = delete;
    Births& operator=(const Births&) = delete;
    ~Births();

  private:
    Reaper& reaper_;
  };

  // Calls the handler once the child has ended: on the reaper's thread, or on this one if it has ended
  // already since the oldest Births began.
  void watch(pid_t pid, ExitHandler handler);

private:
  void collect();

  std::mutex mutex_;
  std::condition_variable programs_changed_;
  std::map<pid_t, ExitHandler> watched_;
  std::map<pid_t, std::uint32_t> unwatched_ends_;
  unsigned births_ = 0;
};

} // namespace nacre::agent
