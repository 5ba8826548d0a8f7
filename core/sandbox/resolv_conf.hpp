// A container's resolv.conf on the host: which name servers in it are on the loopback, now and later. Engines
// rewrite the file while the container runs (Docker does when the first network with names is connected).
#pragma once

#include "agent_client/io_loop.hpp"
#include "base/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::sandbox {

// IPv4 addresses of 127.0.0.0/8, in network byte order, in the order of the text and each once; as many
// servers are looked at as a resolver does (MAXNS of glibc: 3).
std::vector<std::uint32_t> loopback_servers(std::string_view resolv_conf);

class ResolvConfWatch {
public:
  // Of the file as it is now: a container keeps the one that was mounted. `changed` is called on the loop's
  // thread. From any thread. Throws Error.
  ResolvConfWatch(agent_client::IoLoop& loop, std::string path, std::function<void()> changed);
  ~ResolvConfWatch();
  ResolvConfWatch(const ResolvConfWatch&) = delete;
  ResolvConfWatch& operator=(const ResolvConfWatch&) = delete;

  // Empty when the file cannot be read.
  std::vector<std::uint32_t> servers() const;

private:
  agent_client::IoLoop& loop_;
  std::string path_;
  UniqueFd file_, inotify_;
  agent_client::IoLoop::Id watch_ = 0;
};

} // namespace nacre::sandbox
