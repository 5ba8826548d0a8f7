#include "plugin/overdue_watch.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <utility>

namespace nacre::plugin {
namespace {

using Clock = std::chrono::steady_clock; // CLOCK_MONOTONIC on Linux
constexpr auto patience =
    std::chrono::seconds(1); // a busy host may be late without any fault of the plugin's

// One thread for the process, made when the first operation with a deadline comes and never ended: it holds
// nothing that must be given back, and operations end in destructors of statics too.
class Watcher {
public:
  static Watcher& instance() {
    static auto* watcher = new Watcher; // never destroyed
    return *watcher;
  }

  std::uint64_t add(Clock::time_point due, OverdueWatch::Tell tell) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t id = ++last_id_;
    watched_.emplace(id, Watched{due, std::move(tell)});
    if (!running_) start();
    if (due < next_) changed_.notify_one();
    return id;
  }

  void remove(std::uint64_t id) {
    const std::lock_guard lock(mutex_); // held while somebody is told
    watched_.erase(id);
  }

private:
  struct Watched {
    Clock::time_point due;
    OverdueWatch::Tell tell;
  };

  void start() {
    sigset_t all, before; // signals are for the threads that expect them
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([this] { run(); }).detach();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    running_ = true;
  }

  [[noreturn]] void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      next_ = Clock::time_point::max();
      const auto now = Clock::now();
      for (auto& [id, watched] : watched_) {
        if (watched.tell && watched.due <= now) std::exchange(watched.tell, nullptr)();
        if (watched.tell) next_ = std::min(next_, watched.due);
      }
      if (next_ == Clock::time_point::max())
        changed_.wait(lock);
      else
        changed_.wait_until(lock, next_);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Watched> watched_;
  Clock::time_point next_ = Clock::time_point::max(); // what the thread waits for
  std::uint64_t last_id_ = 0;
  bool running_ = false;
};

} // namespace

OverdueWatch::OverdueWatch(std::uint64_t deadline_ns, Tell tell) {
  if (deadline_ns == 0) return;
  const Clock::time_point deadline{std::chrono::nanoseconds(deadline_ns)};
  id_ = Watcher::instance().add(deadline + patience, std::move(tell));
}

OverdueWatch::~OverdueWatch() {
  if (id_ != 0) Watcher::instance().remove(id_);
}

} // namespace nacre::plugin
