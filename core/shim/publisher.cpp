#include "shim/publisher.hpp"

#include "base/error.hpp"
#include "ttrpc/client.hpp"
#include "ttrpc/proto/forward.pb.h"

#include <algorithm>
#include <optional>

namespace nacre::shim {
namespace {

constexpr const char* event_service = "containerd.services.events.ttrpc.v1.Events";

std::string without_scheme(const std::string& address) {
  constexpr std::string_view scheme = "unix://";
  return address.starts_with(scheme) ? address.substr(scheme.size()) : address;
}

} // namespace

Publisher::Publisher(PublisherOptions options, std::function<void(const std::string&)> log)
    : options_(std::move(options)), log_(std::move(log)), thread_([this] { serve(); }) {}

Publisher::~Publisher() {
  finish();
}

void Publisher::publish(Event event) {
  const std::lock_guard lock(mutex_);
  if (finishing_) return;
  if (queue_.size() >= options_.queue_max) queue_.pop_front();
  queue_.push_back({std::move(event), std::chrono::system_clock::now()});
  changed_.notify_all();
}

void Publisher::finish(std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(mutex_);
    if (!finishing_) give_up_ = std::chrono::steady_clock::now() + patience;
    finishing_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::string Publisher::forward_request(const Queued& queued) const {
  containerd::services::events::ttrpc::v1::ForwardRequest request;
  auto& envelope = *request.mutable_envelope();
  const auto since_epoch = queued.when.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
  envelope.mutable_timestamp()->set_seconds(seconds.count());
  envelope.mutable_timestamp()->set_nanos(
      static_cast<std::int32_t>(std::chrono::nanoseconds(since_epoch - seconds).count()));
  envelope.set_namespace_(options_.namespace_name);
  envelope.set_topic(queued.event.topic);
  envelope.mutable_event()->set_type_url(queued.event.type);
  envelope.mutable_event()->set_value(queued.event.payload);
  return request.SerializeAsString();
}

void Publisher::serve() {
  for (;;) {
    Queued next;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return finishing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    if (!deliver(next)) log_("lost event " + next.event.topic + ": containerd does not take it");
  }
}

// A connection for each event: events are few, and an open connection would cost a descriptor on both sides
// for as long as the container runs.
bool Publisher::deliver(const Queued& queued) {
  const auto payload = forward_request(queued);
  auto pause = options_.first_pause;
  for (int attempt = 1;; ++attempt) {
    auto timeout = options_.call_timeout;
    {
      const std::lock_guard lock(mutex_);
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(give_up_ - std::chrono::steady_clock::now());
      if (finishing_) timeout = std::clamp(left, std::chrono::milliseconds(0), timeout);
    }
    try {
      auto client = ttrpc::Client::connect(without_scheme(options_.address));
      client.call(event_service, "Forward", payload, timeout);
      return true;
    } catch (const Error& error) {
      std::unique_lock lock(mutex_);
      if (attempt >= options_.attempts) return false;
      changed_.wait_for(lock, pause, [this] { return finishing_; });
      if (finishing_) attempt = options_.attempts - 1;
    }
    pause = std::min(pause * 2, options_.pause_max);
  }
}

} // namespace nacre::shim
