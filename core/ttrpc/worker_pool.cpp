#include "ttrpc/worker_pool.hpp"

#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

namespace nacre::ttrpc {
namespace {

constexpr auto idle_life = std::chrono::seconds(3);

} // namespace

WorkerPool::~WorkerPool() {
  std::unique_lock lock(mutex_);
  ending_ = true;
  work_or_end_.notify_all();
  all_gone_.wait(lock, [this] { return threads_ == 0; });
}

void WorkerPool::submit(std::function<void()> work) {
  std::unique_lock lock(mutex_);
  queue_.push_back(std::move(work));
  if (idle_ >= queue_.size()) {
    work_or_end_.notify_one();
    return;
  }
  if (threads_ >= threads_max_) return;
  ++threads_;
  try {
    std::thread([this] { serve(); }).detach();
  } catch (const std::system_error&) {
    // No thread can be made now: a busy one takes the work later. Without any, this thread does it.
    if (--threads_ > 0) return;
    auto own = std::move(queue_.back());
    queue_.pop_back();
    lock.unlock();
    own();
  }
}

void WorkerPool::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    const bool woken = work_or_end_.wait_for(lock, idle_life, [this] { return ending_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty() && (ending_ || !woken)) break;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr; // what it holds goes before the lock is taken again
    lock.lock();
  }
  --threads_;
  all_gone_.notify_all(); // under the lock: the pool may be gone as soon as it is released
}

} // namespace nacre::ttrpc
