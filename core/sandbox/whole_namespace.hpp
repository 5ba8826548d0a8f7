// A network namespace that others live in, as the one link that a guest which shares it sees.
#pragma once

#include "sandbox/netns_scan.hpp"

#include <vector>

namespace nacre::sandbox {

// The link that the default route leaves by, else the first that has an address, with the addresses of all:
// each is the guest's own, so that what its programs bind and dial is what they would find on the host. All
// routes lead through the one NIC; the namespace's own decide behind it. Empty while no link has an address.
std::vector<ScannedLink> as_one_link(std::vector<ScannedLink> links);

} // namespace nacre::sandbox
