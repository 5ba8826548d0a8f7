// Hands events to containerd over ttrpc (Events/Forward on TTRPC_ADDRESS), in order, on a thread of its own.
#pragma once

#include "shim/event.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace nacre::shim {

struct PublisherOptions {
  std::string address;        // a socket path, or unix://PATH
  std::string namespace_name; // containerd's
  std::size_t queue_max = 2048;
  int attempts =
      6; // for one event, then it is dropped: an engine that was away that long reads the state anew
  std::chrono::milliseconds first_pause{250}; // between attempts, doubled each time
  std::chrono::milliseconds pause_max{4000};
  std::chrono::milliseconds call_timeout{5000};
};

class Publisher {
public:
  // `log` gets a sentence for each event that is lost; from the publisher's thread.
  Publisher(PublisherOptions options, std::function<void(const std::string&)> log);
  ~Publisher(); // as finish()
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // From any thread; never waits. When the queue is full its oldest event is lost.
  void publish(Event event);

  // Tries what is still queued once each, without pauses, and ends. At most `patience`.
  void finish(std::chrono::milliseconds patience = std::chrono::seconds(5));

private:
  struct Queued {
    Event event;
    std::chrono::system_clock::time_point when;
  };
  void serve();
  bool deliver(const Queued& queued);
  std::string forward_request(const Queued& queued) const;

  const PublisherOptions options_;
  std::function<void(const std::string&)> log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Queued> queue_;
  bool finishing_ = false;
  std::chrono::steady_clock::time_point give_up_;
  std::thread thread_; // last: it uses the others
};

} // namespace nacre::shim
