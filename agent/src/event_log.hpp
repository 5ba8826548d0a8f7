// The numbered events of the guest, kept until the host has acknowledged them.
#pragma once

#include "agent.pb.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>

namespace nacre::agent {

// The host's end of the events stream (events_stream.hpp).
class EventSink {
public:
  virtual ~EventSink() = default;
  // Takes one event and calls EventLog::event_sent() when the next may come. Never calls back from inside.
  virtual void send(v1::Event event) = 0;
  virtual void finish() = 0;
};

// Thread-safe.
class EventLog {
public:
  void add_exit(const std::string& container, const std::string& exec, std::uint32_t status);
  void add_oom(const std::string& container);
  void add_process_ended(const std::string& container, pid_t pid, std::uint64_t start_time_ticks);

  // A stream begins; the one before is ended. All up to `after` is forgotten, what follows is sent.
  void attach(std::shared_ptr<EventSink> sink, std::uint64_t after);
  void detach(const EventSink* sink);
  void event_sent(const EventSink* sink);

private:
  void add(v1::Event event);
  void send_more();

  std::mutex mutex_;
  std::deque<v1::Event> events_; // ascending numbers without gaps
  std::uint64_t last_number_ = 0;
  std::uint64_t sent_ = 0; // on the stream in place
  std::shared_ptr<EventSink> sink_;
  bool sending_ = false;
};

} // namespace nacre::agent
