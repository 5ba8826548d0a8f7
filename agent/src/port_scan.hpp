// Where programs in the guest listen, as the kernel tells it (sock_diag(7)).
#pragma once

#include "unique_fd.hpp"

#include "ports.pb.h"

#include <map>
#include <set>
#include <string>

namespace nacre::agent {

using PortMap = std::map<std::string, v1::Port>; // by the serialized port

// TCP ports at which something listens, and UDP ports of sockets that are connected to nobody: below the
// range from which the kernel takes numbers for clients, since nothing else tells one from the other. The
// agent's own sockets, and addresses that mean something on their link only, are left out.
class PortScan {
public:
  PortMap look(); // throws Error

private:
  void dump(int family, bool udp, PortMap& ports);
  bool is_own(unsigned inode);

  UniqueFd socket_;
  std::map<unsigned, bool> known_; // inode: it is the agent's; of the last look
  std::map<unsigned, bool> seen_;  // of this one
};

} // namespace nacre::agent
