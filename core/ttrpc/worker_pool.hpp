// Threads for calls that block: made when work comes and none is free, gone when idle for a while.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

namespace nacre::ttrpc {

class WorkerPool {
public:
  // Work beyond `threads_max` at a time waits in a queue.
  explicit WorkerPool(std::size_t threads_max) : threads_max_(threads_max) {}
  ~WorkerPool(); // finishes what is queued and waits for it
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // From any thread. `work` must not throw.
  void submit(std::function<void()> work);

private:
  void serve();

  const std::size_t threads_max_;
  std::mutex mutex_;
  std::condition_variable work_or_end_, all_gone_;
  std::deque<std::function<void()>> queue_;
  std::size_t threads_ = 0, idle_ = 0;
  bool ending_ = false;
};

} // namespace nacre::ttrpc
