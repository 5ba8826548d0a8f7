// The agent's events (exits, OOM kills), in order and each once, also over a reconnect.
#pragma once

#include "agent_client/agent_client.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace nacre::agent_client {

class EventStream : public std::enable_shared_from_this<EventStream> {
public:
  struct Callbacks {
    std::function<void(const v1::Event&)> event;
    std::function<void(const std::optional<Error>&)> ended; // the stream is over: the connection has gone
  };
  // `after`: the number of the last event that was seen; 0 at first. Callbacks come on the loop's thread.
  static std::shared_ptr<EventStream> open(std::shared_ptr<AgentClient> client, std::uint64_t after,
                                           Callbacks callbacks);
  ~EventStream();

  std::uint64_t last_number() const noexcept; // on the loop's thread
  void cancel();                              // no callback comes any more; on the loop's thread

private:
  struct Impl;
  explicit EventStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace nacre::agent_client
