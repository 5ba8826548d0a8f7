// Counts the OOM kills of each container and answers those who wait for the next one (`nacre events`).
#pragma once

#include "ttrpc/server.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::shim {

// Thread-safe; none of it blocks.
class OomCounter {
public:
  void happened(const std::string& id);
  // The container has stopped, or is gone: everybody is told, and who asks later too.
  void ended(const std::string& id);
  void forget(const std::string& id);
  // Answers (nacre.task.v1.WaitOomResponse) when there were more than `after`, or none can come any more. A
  // later question on the same connection replaces an earlier one.
  void wait(const std::string& id, std::uint64_t after, ttrpc::ConnectionId connection,
            ttrpc::Responder responder);
  void connection_closed(ttrpc::ConnectionId connection);

private:
  struct Waiter {
    std::uint64_t after = 0;
    ttrpc::Responder responder;
  };
  struct Entry {
    std::uint64_t count = 0;
    bool ended = false;
    std::map<ttrpc::ConnectionId, Waiter> waiters;
  };
  static void answer(Entry& entry);

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

} // namespace nacre::shim
