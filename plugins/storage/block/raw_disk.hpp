// A container that gets a disk of the host's as a device, without a file system of ours: `--device /dev/sdb`.
#pragma once

#include "settings.hpp"

#include <nacre/sdk/storage.hpp>

namespace nacre::block {

bool is_raw_disk(const sdk::MountRequest& request);
sdk::Claim claim_raw_disk(const sdk::MountRequest& request);
// One that the guest may write it has alone: nobody on the host can mount it meanwhile. Throws sdk::Error.
sdk::AttachResult attach_raw_disk(const Settings& settings, std::string id, const sdk::MountRequest& request);

} // namespace nacre::block
