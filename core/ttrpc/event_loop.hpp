// One epoll loop on one thread: sockets, signals and timers of the sandbox process wait here, so that an idle
// process needs a single thread of its own.
#pragma once

#include "base/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace nacre::ttrpc {

class EventLoop {
public:
  using Handler = std::function<void(std::uint32_t events)>; // EPOLL* bits

  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // On the loop's thread, or before run(). The descriptor stays the caller's: remove() before closing it.
  // Handlers may add, change and remove any descriptor, their own too.
  void add(int fd, std::uint32_t events, Handler handler);
  void change(int fd, std::uint32_t events);
  void remove(int fd);

  // From any thread: runs `task` on the loop's thread, in order of the calls.
  void post(std::function<void()> task);

  // Until stop(). Exceptions of handlers and tasks leave run().
  void run();
  void stop(); // from any thread; what was posted before still runs

private:
  struct Watch {
    std::uint32_t generation; // tells a descriptor's number from its reuse within one batch of events
    Handler handler;
  };
  void dispatch(std::uint64_t tag, std::uint32_t events);
  void run_posted();

  UniqueFd epoll_, wake_;
  std::uint32_t next_generation_ = 0;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
  bool running_ = true; // loop's thread
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
};

} // namespace nacre::ttrpc
