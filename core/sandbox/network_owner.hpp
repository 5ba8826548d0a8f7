// Whose network namespace a container is to get, from what config.json says, before anything is made.
#pragma once

#include "oci/spec.hpp"

#include <string>

namespace nacre::sandbox {

enum class NetworkOwner {
  own,      // a new namespace for this container
  prepared, // by path: made for it by an engine or by hand (CNI, /run/netns/NAME)
  host,     // none is named, or the path leads to that of this process or of pid 1
  pod,      // by path: /proc/<one of our holders>/ns/net
  other,    // by path: /proc/<a living process that is no holder>/ns/net, a container of another runtime
};

// `path` of the namespace is looked at, nothing is entered. A path that cannot be opened is `prepared`:
// whoever opens it says why it cannot.
NetworkOwner network_owner(const oci::Spec& spec);

// A NIC of the guest takes over the frames of its link, so links that others live on must not be given to a
// guest. Throws Error for `host` and `other`.
void refuse_network_of_others(const oci::Spec& spec);

} // namespace nacre::sandbox
