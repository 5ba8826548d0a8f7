#include "ttrpc/event_loop.hpp"

#include "base/error.hpp"

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace nacre::ttrpc {

EventLoop::EventLoop()
    : epoll_(check_errno(::epoll_create1(EPOLL_CLOEXEC), "make epoll descriptor")),
      wake_(check_errno(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "make event descriptor")) {
  add(wake_.get(), EPOLLIN, [this](std::uint32_t) {
    std::uint64_t count;
    if (::read(wake_.get(), &count, sizeof(count)) > 0) run_posted();
  });
}

void EventLoop::add(int fd, std::uint32_t events, Handler handler) {
  auto watch = std::make_shared<Watch>(Watch{++next_generation_, std::move(handler)});
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<std::uint64_t>(watch->generation) << 32 | static_cast<std::uint32_t>(fd);
  check_errno(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "watch descriptor");
  watches_[fd] = std::move(watch);
}

void EventLoop::change(int fd, std::uint32_t events) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 =
      static_cast<std::uint64_t>(found->second->generation) << 32 | static_cast<std::uint32_t>(fd);
  check_errno(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event), "watch descriptor");
}

void EventLoop::remove(int fd) {
  if (watches_.erase(fd) > 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  // The counter cannot overflow: each wake-up resets it.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof(one));
}

void EventLoop::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks)
    task();
}

void EventLoop::dispatch(std::uint64_t tag, std::uint32_t events) {
  const auto found = watches_.find(static_cast<int>(tag & 0xffffffffu));
  if (found == watches_.end() || found->second->generation != tag >> 32) return;
  const auto watch = found->second; // the handler may remove itself
  watch->handler(events);
}

void EventLoop::run() {
  std::array<epoll_event, 16> events;
  while (running_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) throw_errno("wait for events");
    for (int i = 0; i < count; ++i)
      dispatch(events[i].data.u64, events[i].events);
  }
}

void EventLoop::stop() {
  post([this] { running_ = false; });
}

} // namespace nacre::ttrpc
