// Runs something in another network namespace without moving the calling thread there.
#pragma once

#include <functional>

namespace nacre::plugin {

// `body` runs on a thread of its own, all signals blocked, which enters `netns_fd` (-1: it stays where the
// process is) and ends afterwards. What it throws is thrown here.
void in_network_namespace(int netns_fd, const std::function<void()>& body);

} // namespace nacre::plugin
