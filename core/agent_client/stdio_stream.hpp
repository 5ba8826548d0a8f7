// One Stdio stream, as far as remote calls are concerned: one read and at most one write under way, frames
// asked for when the last one has been written. Only on the loop's thread.
#pragma once

#include "agent_client/agent_client.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace nacre::agent_client {

class StdioStream : public std::enable_shared_from_this<StdioStream> {
public:
  struct Callbacks {
    std::function<bool(v1::StdioFrame&)> next;              // fills the next frame to send; false: none now
    std::function<bool(const v1::StdioFrame&)> received;    // false: the guest breaks the protocol
    std::function<void(const std::optional<Error>&)> ended; // once; nothing is called after it
  };

  static std::shared_ptr<StdioStream> open(std::shared_ptr<AgentClient> client, Callbacks callbacks);
  ~StdioStream();

  void wake();   // next() may have something now
  void finish(); // next() will have nothing any more once it says so: half-close
  void cancel(); // `ended` is not called any more

private:
  struct Impl;
  explicit StdioStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace nacre::agent_client
