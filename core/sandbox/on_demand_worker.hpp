// Runs one job on a thread that exists only while there is something to do. Calls that come meanwhile are one
// further run, however many they are.
#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace nacre::sandbox {

class OnDemandWorker {
public:
  explicit OnDemandWorker(std::function<void()> job) : job_(std::move(job)) {} // it must not throw
  ~OnDemandWorker() { stop(); }
  OnDemandWorker(const OnDemandWorker&) = delete;
  OnDemandWorker& operator=(const OnDemandWorker&) = delete;

  void wake();          // from any thread, does not block; nothing happens after stop()
  void stop() noexcept; // waits for the end of a run that is under way; idempotent

private:
  void run();

  std::function<void()> job_;
  std::mutex mutex_; // guards all below
  bool due_ = false, running_ = false, stopped_ = false;
  std::thread thread_;
};

} // namespace nacre::sandbox
