// Where the writes of a container go whose files are in read-only images. Nothing of it is ever mounted on
// the host: the guest has written it.
#pragma once

#include "image_folder.hpp"

#include <nacre/sdk/host.hpp>

#include <cstdint>

namespace nacre::block {

// An empty ext4 file system in a sparse file of `mib` MiB without a name, open for reading and writing.
sdk::Fd make_writable_disk(sdk::Host host, const sdk::Call& call, const ImageFolder& folder,
                           std::uint64_t mib);

} // namespace nacre::block
