#include "shim/event_order.hpp"

namespace nacre::shim {

void EventOrder::hold(const Key& key) {
  const std::lock_guard lock(mutex_);
  ++processes_[key].holds;
}

void EventOrder::let_go(Process& process) {
  if (--process.holds > 0 || !process.waiting_exit) return;
  process.exit_told = true;
  sink_(std::move(*process.waiting_exit));
  process.waiting_exit.reset();
}

void EventOrder::release(const Key& key, Event event) {
  const std::lock_guard lock(mutex_);
  sink_(std::move(event));
  if (const auto found = processes_.find(key); found != processes_.end()) let_go(found->second);
}

void EventOrder::release_failed(const Key& key, bool forget) {
  const std::lock_guard lock(mutex_);
  const auto found = processes_.find(key);
  if (found == processes_.end()) return;
  if (forget)
    processes_.erase(found);
  else
    let_go(found->second);
}

void EventOrder::exited(const Key& key, Event exit) {
  const std::lock_guard lock(mutex_);
  const auto found = processes_.find(key);
  if (found == processes_.end() || found->second.exit_told) return;
  if (found->second.holds > 0) {
    found->second.waiting_exit = std::move(exit);
    return;
  }
  found->second.exit_told = true;
  sink_(std::move(exit));
}

void EventOrder::removed(const Key& key, std::optional<Event> exit, std::optional<Event> removed) {
  const std::lock_guard lock(mutex_);
  const auto found = processes_.find(key);
  if (found == processes_.end()) return;
  if (exit && !found->second.exit_told) sink_(std::move(*exit));
  if (removed) sink_(std::move(*removed));
  processes_.erase(found);
}

void EventOrder::tell(Event event) {
  const std::lock_guard lock(mutex_);
  sink_(std::move(event));
}

} // namespace nacre::shim
