#include "event_log.hpp"

#include <ctime>

namespace nacre::agent {

namespace {

std::int64_t realtime_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

} // namespace

void EventLog::add_exit(const std::string& container, const std::string& exec, std::uint32_t status) {
  v1::Event event;
  auto* exit = event.mutable_exit();
  exit->set_container_id(container);
  exit->set_exec_id(exec);
  exit->set_status(status);
  exit->set_exited_at_ns(realtime_ns());
  add(std::move(event));
}

void EventLog::add_oom(const std::string& container) {
  v1::Event event;
  event.mutable_oom()->set_container_id(container);
  add(std::move(event));
}

void EventLog::add_process_ended(const std::string& container, pid_t pid, std::uint64_t start_time_ticks) {
  v1::Event event;
  auto* ended = event.mutable_process_ended();
  ended->set_container_id(container);
  ended->set_guest_pid(static_cast<std::uint32_t>(pid));
  ended->set_start_time_ticks(start_time_ticks);
  add(std::move(event));
}

void EventLog::add(v1::Event event) {
  const std::lock_guard lock(mutex_);
  event.set_number(++last_number_);
  events_.push_back(std::move(event));
  send_more();
}

void EventLog::attach(std::shared_ptr<EventSink> sink, std::uint64_t after) {
  const std::lock_guard lock(mutex_);
  while (!events_.empty() && events_.front().number() <= after)
    events_.pop_front();
  if (sink_) sink_->finish();
  sink_ = std::move(sink);
  sending_ = false;
  sent_ = after;
  send_more();
}

void EventLog::detach(const EventSink* sink) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() == sink) sink_.reset();
}

void EventLog::event_sent(const EventSink* sink) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() != sink) return;
  sending_ = false;
  send_more();
}

void EventLog::send_more() {
  if (!sink_ || sending_) return;
  for (const auto& event : events_) {
    if (event.number() <= sent_) continue;
    sent_ = event.number();
    sending_ = true;
    sink_->send(event);
    return;
  }
}

} // namespace nacre::agent
