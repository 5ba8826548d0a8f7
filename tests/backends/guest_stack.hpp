// A network stack behind the descriptors of a NIC, as a guest's is: a tap in a namespace of its own, and
// every frame carried between the two with its virtio header.
#pragma once

#include "link_pod.hpp"

#include <thread>
#include <vector>

namespace nacre::test {

class GuestStack {
public:
  // `nic`: of one queue. Has the addresses of `net`'s link, its MAC and MTU.
  GuestStack(const LinkNet& net, sdk::Fd nic);
  ~GuestStack();

  const Namespace& space() const { return space_; }

private:
  void carry(int from, int to) const;

  Namespace space_;
  sdk::Fd nic_, tap_, stop_;
  std::vector<std::thread> carriers_;
};

} // namespace nacre::test
