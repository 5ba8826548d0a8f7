#include "event_loop.hpp"

#include "error.hpp"
#include "timeline.hpp"

#include <array>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <vector>

namespace nacre::agent {

namespace {
constexpr EventLoop::Token wake_token = 0;
constexpr std::uint64_t ns_per_ms = 1'000'000;
} // namespace

EventLoop::EventLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!epoll_ || !wake_) throw system_error("cannot make", "event loop");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_token;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) < 0) {
    throw system_error("cannot watch", "event loop");
  }
  thread_ = std::thread([this] { run(); });
}

EventLoop::~EventLoop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

EventLoop::Token EventLoop::add(int fd, Ready ready) {
  const std::lock_guard lock(mutex_);
  const auto token = ++last_token_;
  epoll_event event{};
  // One-shot alone keeps the kernel from reporting a hang-up again and again while nobody can act on it.
  event.data.u64 = token;
  event.events = EPOLLONESHOT;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0)
    throw system_error("cannot watch", "descriptor");
  handlers_.emplace(token, std::move(ready));
  return token;
}

void EventLoop::arm(Token token, int fd, std::uint32_t events) {
  epoll_event event{};
  event.data.u64 = token;
  event.events = events | EPOLLONESHOT;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(Token token, int fd) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  const std::lock_guard lock(mutex_);
  handlers_.erase(token);
}

void EventLoop::after(unsigned milliseconds, std::function<void()> action) {
  {
    const std::lock_guard lock(mutex_);
    actions_.emplace(boottime_ns() + milliseconds * ns_per_ms, std::move(action));
  }
  wake();
}

void EventLoop::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wake_.get(), &one, sizeof one);
}

int EventLoop::next_timeout_ms() {
  const std::lock_guard lock(mutex_);
  if (actions_.empty()) return -1;
  const auto due = actions_.begin()->first;
  const auto now = boottime_ns();
  return due <= now ? 0 : static_cast<int>((due - now) / ns_per_ms) + 1;
}

void EventLoop::run_due_actions() {
  std::vector<std::function<void()>> due;
  {
    const std::lock_guard lock(mutex_);
    const auto end = actions_.upper_bound(boottime_ns());
    for (auto action = actions_.begin(); action != end; ++action)
      due.push_back(std::move(action->second));
    actions_.erase(actions_.begin(), end);
  }
  for (const auto& action : due)
    action();
}

void EventLoop::run() {
  std::array<epoll_event, 32> events;
  while (true) {
    const int n =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), next_timeout_ms());
    for (int i = 0; i < n; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      Ready ready;
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        const auto found = handlers_.find(event.data.u64);
        if (found != handlers_.end()) ready = found->second;
      }
      if (event.data.u64 == wake_token) {
        std::uint64_t count = 0;
        [[maybe_unused]] auto drained = ::read(wake_.get(), &count, sizeof count);
      } else if (ready) {
        ready(event.events);
      }
    }
    run_due_actions();
  }
}

} // namespace nacre::agent
