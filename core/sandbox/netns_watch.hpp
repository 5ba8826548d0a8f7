// Tells when links, addresses, routes or neighbours of a network namespace come, change or go: rtnetlink's
// own notices, no polling. What has changed is for scan_netns() to say.
#pragma once

#include "agent_client/io_loop.hpp"

#include <functional>
#include <memory>

struct nl_sock;

namespace nacre::sandbox {

class NetnsWatch {
public:
  // From here on nothing is missed: what happens before arm() waits in the socket. `changed` is called on the
  // loop's thread, also when the kernel had to drop notices. Throws Error.
  NetnsWatch(int netns_fd, agent_client::IoLoop& loop, std::function<void()> changed);
  ~NetnsWatch(); // not on a thread that the loop waits for
  NetnsWatch(const NetnsWatch&) = delete;
  NetnsWatch& operator=(const NetnsWatch&) = delete;

  void arm(); // from any thread

private:
  struct FreeSocket {
    void operator()(nl_sock* socket) const noexcept;
  };
  void readable();

  agent_client::IoLoop& loop_;
  std::function<void()> changed_;
  std::unique_ptr<nl_sock, FreeSocket> socket_;
  agent_client::IoLoop::Id watch_ = 0;
  bool seen_ = false; // by the callback of the read that is under way
};

} // namespace nacre::sandbox
