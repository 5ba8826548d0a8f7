// One thread that waits for descriptors, timers and posted tasks: all stdio, holders, console and events of a
// sandbox run on it, so that a container process costs no thread. Handlers run one after the other and must
// not block.
#pragma once

#include "base/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace nacre::agent_client {

class IoLoop {
public:
  using Task = std::function<void()>;
  using Handler = std::function<void(std::uint32_t events)>; // EPOLL* bits
  using Id = std::uint64_t;                                  // never 0, never reused

  IoLoop();
  ~IoLoop(); // runs what was posted before, then stops
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  // From any thread. Tasks run in the order in which they were posted.
  void post(Task task);
  // Runs the task on the loop's thread and waits for its end; runs it at once when called there. What it
  // throws is thrown to the caller.
  void run(const Task& task);
  bool on_loop_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }

  // The following only on the loop's thread.

  // `fd` is borrowed and must stay open until remove(). Returns 0 when the file is of a kind that is always
  // ready and that epoll therefore refuses (regular files, /dev/null).
  Id add(int fd, std::uint32_t events, Handler handler);
  void modify(Id id, std::uint32_t events);
  void remove(Id id) noexcept; // 0 and unknown ids are fine; the handler is not called any more

  Id after(std::chrono::milliseconds delay, Task task);
  void cancel(Id timer) noexcept; // 0 and past timers are fine

private:
  struct Watch {
    int fd;
    Handler handler;
  };
  struct Timer {
    Id id;
    Task task;
  };
  using Clock = std::chrono::steady_clock;

  void serve();
  bool take_tasks(std::vector<Task>& tasks); // false: stopped and nothing left
  int timeout_ms() const;
  void run_timers();

  UniqueFd epoll_;
  UniqueFd wake_;
  std::mutex mutex_;
  std::vector<Task> tasks_; // under mutex_
  bool stopping_ = false;   // under mutex_
  std::unordered_map<Id, std::shared_ptr<Watch>> watches_;
  std::multimap<Clock::time_point, Timer> timers_;
  Id next_id_ = 1;
  std::thread thread_; // last: it uses the others
};

} // namespace nacre::agent_client
