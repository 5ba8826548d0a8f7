#include "agent_client/io_loop.hpp"

#include "base/error.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <future>
#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace nacre::agent_client {
namespace {

constexpr IoLoop::Id wake_id = 0;

// Signals belong to the program's main thread; and SIGPIPE of a closed reader is an errno here.
class SignalsBlocked {
public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
  sigset_t before_;
};

} // namespace

IoLoop::IoLoop()
    : epoll_(check_errno(::epoll_create1(EPOLL_CLOEXEC), "make epoll descriptor")),
      wake_(check_errno(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "make event descriptor")) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_id;
  check_errno(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event), "watch event descriptor");
  const SignalsBlocked blocked; // the thread inherits the mask
  thread_ = std::thread([this] { serve(); });
}

IoLoop::~IoLoop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void IoLoop::post(Task task) {
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (was_empty) ::eventfd_write(wake_.get(), 1);
}

void IoLoop::run(const Task& task) {
  if (on_loop_thread()) return task();
  std::promise<void> done;
  post([&] {
    try {
      task();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

IoLoop::Id IoLoop::add(int fd, std::uint32_t events, Handler handler) {
  const Id id = next_id_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) {
    if (errno == EPERM) return 0;
    throw_errno("watch descriptor", std::to_string(fd));
  }
  watches_.emplace(id, std::make_shared<Watch>(Watch{fd, std::move(handler)}));
  return id;
}

void IoLoop::modify(Id id, std::uint32_t events) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  check_errno(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second->fd, &event), "watch descriptor");
}

void IoLoop::remove(Id id) noexcept {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second->fd, nullptr);
  watches_.erase(found);
}

IoLoop::Id IoLoop::after(std::chrono::milliseconds delay, Task task) {
  const Id id = next_id_++;
  timers_.emplace(Clock::now() + delay, Timer{id, std::move(task)});
  return id;
}

void IoLoop::cancel(Id timer) noexcept {
  for (auto it = timers_.begin(); it != timers_.end(); ++it) {
    if (it->second.id != timer) continue;
    timers_.erase(it);
    return;
  }
}

bool IoLoop::take_tasks(std::vector<Task>& tasks) {
  const std::lock_guard lock(mutex_);
  tasks.swap(tasks_);
  return !(stopping_ && tasks.empty());
}

int IoLoop::timeout_ms() const {
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first - Clock::now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ms < 0 ? 0 : static_cast<int>(std::min<long>(ms, 1 << 30));
}

void IoLoop::run_timers() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const auto task = std::move(timers_.begin()->second.task);
    timers_.erase(timers_.begin());
    task();
  }
}

void IoLoop::serve() {
  std::array<epoll_event, 16> ready;
  std::vector<Task> tasks;
  for (;;) {
    if (!take_tasks(tasks)) return;
    for (auto& task : tasks)
      task();
    const bool again = !tasks.empty(); // a task may have posted another
    tasks.clear();
    const int count = ::epoll_wait(epoll_.get(), ready.data(), ready.size(), again ? 0 : timeout_ms());
    for (int i = 0; i < count; ++i) {
      const auto& event = ready[static_cast<std::size_t>(i)];
      if (event.data.u64 == wake_id) {
        eventfd_t value;
        ::eventfd_read(wake_.get(), &value);
        continue;
      }
      const auto found = watches_.find(event.data.u64); // an earlier handler may have removed it
      if (found == watches_.end()) continue;
      const auto watch = found->second; // lives on when its handler removes it
      watch->handler(event.events);
    }
    run_timers();
  }
}

} // namespace nacre::agent_client
