#include "sandbox/port_calls.hpp"

#include "base/error.hpp"
#include "sandbox/port_address.hpp"

#include <utility>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t most_connections = 1024;
constexpr auto pause_after_failure = 2s;

} // namespace

PortCalls::~PortCalls() {
  for (auto& [key, served] : served_)
    if (served.waiting) served.waiting->cancel();
  for (const auto& connection : connections_)
    connection->cancel();
}

void PortCalls::take(const PortMap& ports) {
  std::erase_if(served_, [&](auto& entry) {
    if (ports.contains(entry.first)) return false;
    if (entry.second.waiting) entry.second.waiting->cancel();
    return true;
  });
  for (const auto& [key, port] : ports) {
    if (port.udp()) continue;
    served_.try_emplace(key, Served{port, nullptr, {}});
    take_next(key);
  }
}

void PortCalls::take_next(const std::string& key) {
  const auto found = served_.find(key);
  if (found == served_.end() || found->second.waiting || found->second.not_before > Clock::now() ||
      connections_.size() >= most_connections)
    return;
  agent_client::v1::TunnelFrame::Open open;
  open.set_path(text_of(found->second.port));
  // First it waits, then it is a connection: `place` says which.
  const auto place = std::make_shared<std::optional<Connections::iterator>>();
  agent_client::Tunnel::Callbacks callbacks;
  callbacks.answered = [this, key, place] { *place = taken(key); };
  callbacks.ended = [this, key, place](const std::optional<Error>& error) {
    if (*place) {
      connections_.erase(**place);
      return;
    }
    const auto served = served_.find(key);
    if (served == served_.end()) return;
    served->second.waiting.reset();
    if (error) served->second.not_before = Clock::now() + pause_after_failure;
  };
  found->second.waiting = agent_client::Tunnel::open(client_, "Accept", open,
                                                     "take a connection of the guest", std::move(callbacks));
}

// What waited is a connection now; none to a port that nobody listens at any more.
std::optional<PortCalls::Connections::iterator> PortCalls::taken(const std::string& key) {
  auto& served = served_.at(key);
  const auto tunnel = std::exchange(served.waiting, nullptr);
  std::optional<Connections::iterator> place;
  try {
    tunnel->join(connect_in_netns(netns_fd_, served.port));
    place = connections_.insert(connections_.end(), tunnel);
  } catch (const Error&) {
    tunnel->cancel();
  }
  take_next(key);
  return place;
}

} // namespace nacre::sandbox
