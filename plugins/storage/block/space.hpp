// A volume that is the guest's alone (NACRE_SOURCE_SPACE): a disk whose content is a sparse file in the
// folder that the host has for the volume. It is there for the containers to come, and goes with the folder;
// who asks how much the folder takes (kubelet) finds what is in the volume.
#pragma once

#include <nacre/sdk/storage.hpp>

namespace nacre::block {

inline constexpr const char* space_file = "disk.img"; // Kata's name for it

sdk::Claim claim_space(const sdk::MountRequest& request);

// Open for this guest alone; made, as large as the folder's file system (or its quota there) is, when it is
// missing.
sdk::Fd open_space(sdk::Host host, const sdk::Call& call, const std::string& folder);

} // namespace nacre::block
