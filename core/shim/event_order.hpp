// Keeps the order that engines rely on: create before start before exit before delete, whatever the order in
// which a quick process makes them happen.
#pragma once

#include "shim/event.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace nacre::shim {

class EventOrder {
public:
  using Key = std::pair<std::string, std::string>; // container id, exec id ("" for the first process)

  explicit EventOrder(EventSink sink) : sink_(std::move(sink)) {}

  // A call that will tell something about the process begins (create, exec-added, start): an exit waits
  // behind it.
  void hold(const Key& key);
  // It has succeeded: `event` is told, then a waiting exit.
  void release(const Key& key, Event event);
  // It has failed. `forget`: the process does not exist any more, nothing is told of it.
  void release_failed(const Key& key, bool forget);
  void exited(const Key& key, Event exit);
  // The process is removed: `exit` is told if it has not been (empty: it never ran), then `removed` (for a
  // container); later exits are not.
  void removed(const Key& key, std::optional<Event> exit, std::optional<Event> removed);
  // Others, in between as they come.
  void tell(Event event);

private:
  struct Process {
    int holds = 0;
    bool exit_told = false;
    std::optional<Event> waiting_exit;
  };
  void let_go(Process& process);

  std::mutex mutex_; // held while telling: that is what makes the order one
  EventSink sink_;
  std::map<Key, Process> processes_;
};

} // namespace nacre::shim
