// Links, addresses, routes and neighbours of the guest, over rtnetlink.
#pragma once

#include "agent.pb.h"

#include <functional>
#include <mutex>

namespace nacre::agent {

class Modules;
class Timeline;

// Thread-safe.
class GuestNetwork {
public:
  GuestNetwork(Modules& modules, Timeline& timeline) : modules_(modules), timeline_(timeline) {}

  // Brings lo up.
  void start();
  // Makes the guest's network what the lists say; waits for links that are not there yet. Throws Error.
  void apply(const v1::Network& wanted);
  void list(v1::Network& out);
  void list_counters(v1::StatsContainerReply& reply);

private:
  Modules& modules_;
  Timeline& timeline_;
  std::mutex mutex_;
};

} // namespace nacre::agent
