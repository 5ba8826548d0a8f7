// Where programs in a network namespace listen, as the kernel tells it (sock_diag(7)). There is no notice
// when that changes: whoever wants to follow it looks again.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/proto/ports.pb.h"
#include "base/unique_fd.hpp"

#include <map>
#include <string>

namespace nacre::sandbox {

// By the serialized port. TCP ports at which something listens, and UDP ports of sockets that are connected
// to nobody: below the range from which the kernel takes numbers for clients, since nothing else tells one
// from the other. Sockets of this process, and addresses that mean something on their link only, are left
// out.
using PortMap = std::map<std::string, agent_client::v1::Port>;

class PortScan {
public:
  explicit PortScan(int netns_fd); // throws Error
  PortMap look();                  // throws Error

private:
  bool is_own(unsigned inode);

  UniqueFd socket_;
  std::map<unsigned, bool> own_; // of sockets by their inodes, seen the last time
};

} // namespace nacre::sandbox
