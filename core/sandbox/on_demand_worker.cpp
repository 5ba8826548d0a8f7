#include "sandbox/on_demand_worker.hpp"

namespace nacre::sandbox {

void OnDemandWorker::wake() {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  due_ = true;
  if (running_) return;
  if (thread_.joinable()) thread_.join(); // it has said under the lock that it ends
  running_ = true;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (...) {
    running_ = false;
    throw;
  }
}

void OnDemandWorker::stop() noexcept {
  std::thread last;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    last = std::move(thread_);
  }
  if (last.joinable()) last.join();
}

void OnDemandWorker::run() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (!due_ || stopped_) {
        running_ = false;
        return;
      }
      due_ = false;
    }
    job_();
  }
}

} // namespace nacre::sandbox
