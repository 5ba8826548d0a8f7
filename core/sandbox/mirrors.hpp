// Processes of the guest that nobody on the host has started, shown on the host: each has a mirror, a holder
// without stdio or exit duty that is exec'd with the guest process's argv, gets its signals and ends with it.
// Mirrors are made when somebody asks for the container's pids, and end when the guest says that their
// process has ended.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/io_loop.hpp"
#include "launch/holder.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace nacre::sandbox {

// What the guest says of one process.
struct GuestProcessEntry {
  std::uint32_t guest_pid = 0;
  std::uint64_t start_time_ticks = 0;
  std::vector<std::string> argv; // at least one string
};

// Checks and bounds the guest's list: those that the host started are left out, as are numberless and double
// ones, and what exceeds 512 processes and 4 KiB of argv each.
std::vector<GuestProcessEntry> mirrored_processes(const agent_client::v1::ListProcessesReply& reply);

class Mirrors {
public:
  using Agent = std::function<std::shared_ptr<agent_client::AgentClient>()>; // null: there is none (any more)
  using Spawn = std::function<std::unique_ptr<launch::Holder>(const std::vector<std::string>& argv)>;

  Mirrors(agent_client::IoLoop& loop, Agent agent, std::string container_id, Spawn spawn);
  ~Mirrors();
  Mirrors(const Mirrors&) = delete;
  Mirrors& operator=(const Mirrors&) = delete;

  // Asks the guest, makes the mirrors that are missing, ends those that are over. Returns the host pids of
  // the mirrors. Throws Error. Not on the loop's thread.
  std::vector<int> refresh();
  // The guest's event; on the loop's thread.
  void ended(std::uint32_t guest_pid, std::uint64_t start_time_ticks);
  // All end, since the container has. From any thread.
  void clear() noexcept;

private:
  using Key = std::pair<std::uint32_t, std::uint64_t>; // guest pid, start
  struct Mirror {
    std::unique_ptr<launch::Holder> holder;
    std::vector<std::string> argv;
    agent_client::IoLoop::Id watch = 0;
  };
  void take(const Key& key, const std::vector<std::string>& argv, std::unique_ptr<launch::Holder> holder);
  void forward_signal(const Key& key, int number);
  void end(std::map<Key, Mirror>::iterator mirror);

  agent_client::IoLoop& loop_;
  const Agent agent_;
  const std::string container_id_;
  const Spawn spawn_;
  std::mutex refreshing_; // one refresh at a time

  // On the loop's thread:
  std::map<Key, Mirror> mirrors_;
  std::set<Key> ended_meanwhile_; // ended() of a refresh that is at work
  bool closed_ = false;
};

} // namespace nacre::sandbox
