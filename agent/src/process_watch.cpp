#include "process_watch.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

constexpr std::size_t most_watched = 4096; // each costs a descriptor of this process

// A pidfd is readable once its process has ended (pidfd_open(2)).
bool has_ended(const UniqueFd& pidfd) {
  pollfd state{pidfd.get(), POLLIN, 0};
  return ::poll(&state, 1, 0) > 0;
}

} // namespace

UniqueFd ProcessWatch::open(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool ProcessWatch::follow(const std::string& container, UniqueFd pidfd, pid_t pid,
                          std::uint64_t start_time_ticks) {
  if (!pidfd || has_ended(pidfd)) return false;
  const std::lock_guard lock(mutex_);
  if (const auto old = watched_.find(pid); old != watched_.end()) {
    if (old->second.start_time_ticks == start_time_ticks) return true;
    loop_.remove(old->second.token, old->second.pidfd.get()); // its end is about to be told, by nobody now
    events_.add_process_ended(old->second.container, pid, old->second.start_time_ticks);
    watched_.erase(old);
  }
  if (watched_.size() >= most_watched) return true;
  auto& watched = watched_[pid];
  watched = {container, std::move(pidfd), start_time_ticks, 0};
  watched.token = loop_.add(watched.pidfd.get(), [this, pid](std::uint32_t) { ended(pid); });
  loop_.arm(watched.token, watched.pidfd.get(), EPOLLIN);
  return true;
}

void ProcessWatch::ended(pid_t pid) {
  const std::lock_guard lock(mutex_);
  const auto found = watched_.find(pid);
  if (found == watched_.end() || !has_ended(found->second.pidfd)) return;
  loop_.remove(found->second.token, found->second.pidfd.get());
  events_.add_process_ended(found->second.container, pid, found->second.start_time_ticks);
  watched_.erase(found);
}

void ProcessWatch::forget(const std::string& container) {
  const std::lock_guard lock(mutex_);
  for (auto entry = watched_.begin(); entry != watched_.end();) {
    if (entry->second.container != container) {
      ++entry;
      continue;
    }
    loop_.remove(entry->second.token, entry->second.pidfd.get());
    entry = watched_.erase(entry);
  }
}

} // namespace nacre::agent
