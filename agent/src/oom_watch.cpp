#include "oom_watch.hpp"

#include "error.hpp"

#include <sys/epoll.h>
#include <sys/inotify.h>

namespace nacre::agent {

OomWatch::OomWatch(EventLoop& loop, EventLog& events)
    : loop_(loop), events_(events), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_) throw system_error("cannot make", "inotify descriptor");
  token_ = loop_.add(inotify_.get(), [this](std::uint32_t) { drain(); });
  loop_.arm(token_, inotify_.get(), EPOLLIN);
}

void OomWatch::add(const std::string& container, const Cgroup& cgroup) {
  if (cgroup.is_root()) return;
  const std::lock_guard lock(mutex_);
  // The kernel marks memory.events as modified at each change of a counter in it.
  const auto file = cgroup.folder() + "/memory.events";
  const int watch = ::inotify_add_watch(inotify_.get(), file.c_str(), IN_MODIFY);
  if (watch < 0) return; // no memory controller: then there is no OOM in it to tell
  watched_.insert_or_assign(container, Watched{cgroup, watch, cgroup.oom_kills()});
}

void OomWatch::check(const std::string& container) {
  const std::lock_guard lock(mutex_);
  const auto found = watched_.find(container);
  if (found != watched_.end()) check_one(container, found->second);
}

void OomWatch::remove(const std::string& container) {
  const std::lock_guard lock(mutex_);
  const auto found = watched_.find(container);
  if (found == watched_.end()) return;
  ::inotify_rm_watch(inotify_.get(), found->second.watch);
  watched_.erase(found);
}

void OomWatch::drain() {
  alignas(inotify_event) char buffer[4096];
  while (::read(inotify_.get(), buffer, sizeof buffer) > 0) {
  }
  {
    const std::lock_guard lock(mutex_);
    for (auto& [container, watched] : watched_)
      check_one(container, watched);
  }
  loop_.arm(token_, inotify_.get(), EPOLLIN);
}

void OomWatch::check_one(const std::string& container, Watched& watched) {
  const auto kills = watched.cgroup.oom_kills();
  if (kills > watched.kills) events_.add_oom(container);
  watched.kills = std::max(watched.kills, kills);
}

} // namespace nacre::agent
