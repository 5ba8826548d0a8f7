#include "shim/oom_counter.hpp"

#include "ttrpc/proto/nacre_task.pb.h"

#include <utility>

namespace nacre::shim {

void OomCounter::answer(Entry& entry) {
  std::erase_if(entry.waiters, [&](const auto& waiting) {
    if (!entry.ended && entry.count <= waiting.second.after) return false;
    nacre::task::v1::WaitOomResponse response;
    response.set_count(entry.count);
    response.set_ended(entry.ended);
    waiting.second.responder.reply(response.SerializeAsString());
    return true;
  });
}

void OomCounter::happened(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[id];
  ++entry.count;
  answer(entry);
}

void OomCounter::ended(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[id];
  entry.ended = true;
  answer(entry);
}

void OomCounter::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.ended = true;
  answer(found->second);
  entries_.erase(found);
}

void OomCounter::wait(const std::string& id, std::uint64_t after, ttrpc::ConnectionId connection,
                      ttrpc::Responder responder) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[id];
  entry.waiters.insert_or_assign(connection, Waiter{after, std::move(responder)});
  answer(entry);
}

void OomCounter::connection_closed(ttrpc::ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, entry] : entries_)
    entry.waiters.erase(connection);
}

} // namespace nacre::shim
