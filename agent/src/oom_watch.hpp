// Tells the host when the OOM killer has ended a process of a container.
#pragma once

#include "cgroup.hpp"
#include "event_log.hpp"
#include "event_loop.hpp"
#include "unique_fd.hpp"

#include <map>
#include <mutex>
#include <string>

namespace nacre::agent {

// Thread-safe.
class OomWatch {
public:
  OomWatch(EventLoop& loop, EventLog& events);

  void add(const std::string& container, const Cgroup& cgroup);
  // Looks once more, so that an OOM event is never behind the exit that it caused.
  void check(const std::string& container);
  void remove(const std::string& container);

private:
  struct Watched {
    Cgroup cgroup;
    int watch = -1; // inotify's number
    std::uint64_t kills = 0;
  };
  void drain();
  void check_one(const std::string& container, Watched& watched);

  EventLoop& loop_;
  EventLog& events_;
  UniqueFd inotify_;
  EventLoop::Token token_ = 0;
  std::mutex mutex_;
  std::map<std::string, Watched> watched_;
};

} // namespace nacre::agent
