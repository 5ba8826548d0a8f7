// One thread that waits for descriptors and times: stdio pipes, terminals, inotify.
#pragma once

#include "unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace nacre::agent {

class EventLoop {
public:
  using Ready = std::function<void(std::uint32_t events)>;
  using Token = std::uint64_t;

  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop(); // only in tests: ends the thread

  // Registers a descriptor, borrowed until remove(). Before arm() only an error or hang-up may be reported,
  // once. Callbacks run on the loop's thread, one at a time; they must bear being called for nothing.
  Token add(int fd, Ready ready);
  // Reports once when one of `events` (EPOLLIN, EPOLLOUT; errors and hang-up always) holds, then is disarmed:
  // a descriptor whose data nobody has room for costs nothing, not even for its hang-up.
  void arm(Token token, int fd, std::uint32_t events);
  // No callback of the token starts after this has returned, but one may still be running on the loop's
  // thread.
  void remove(Token token, int fd);

  // Runs `action` on the loop's thread after so many milliseconds; 0 is as soon as possible.
  void after(unsigned milliseconds, std::function<void()> action);

private:
  void run();
  int next_timeout_ms();
  void run_due_actions();
  void wake();

  UniqueFd epoll_;
  UniqueFd wake_;
  std::mutex mutex_;
  std::map<Token, Ready> handlers_;
  std::multimap<std::uint64_t, std::function<void()>> actions_; // by time, nanoseconds of CLOCK_BOOTTIME
  Token last_token_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace nacre::agent
