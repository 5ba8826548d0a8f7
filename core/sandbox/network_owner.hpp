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

// Others live there: a NIC of the guest takes over the frames of its link, so those links must not be given
// to a guest.
bool is_of_others(NetworkOwner owner);

// No network plugin of the configuration serves a namespace as a whole. Throws Error.
[[noreturn]] void refuse_network_of_others(const oci::Spec& spec, NetworkOwner owner);

} // namespace nacre::sandbox
