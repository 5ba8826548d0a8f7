// Tells the host when a process ends that it has been shown but did not start itself.
#pragma once

#include "event_log.hpp"
#include "event_loop.hpp"
#include "unique_fd.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <sys/types.h>

namespace nacre::agent {

// Thread-safe.
class ProcessWatch {
public:
  ProcessWatch(EventLoop& loop, EventLog& events) : loop_(loop), events_(events) {}

  // A process that is about to be looked at.
  static UniqueFd open(pid_t pid);
  // It was looked at between open() and now. False: it has ended meanwhile, so what was seen may be
  // another's. Processes beyond a limit are not followed.
  bool follow(const std::string& container, UniqueFd pidfd, pid_t pid, std::uint64_t start_time_ticks);
  void forget(const std::string& container);

private:
  struct Watched {
    std::string container;
    UniqueFd pidfd;
    std::uint64_t start_time_ticks = 0;
    EventLoop::Token token = 0;
  };
  void ended(pid_t pid);

  EventLoop& loop_;
  EventLog& events_;
  std::mutex mutex_;
  std::map<pid_t, Watched> watched_;
};

} // namespace nacre::agent
