// How folders become images: the keys of the plugin's table that say it.
#pragma once

#include <nacre/sdk/options.hpp>

#include <string>

namespace nacre::block {

struct ImageSettings {
  explicit ImageSettings(const sdk::Options& options);

  bool folders;
  std::string cache_dir;
  std::uint64_t cache_bytes;
  std::size_t disks;
  bool write_to_memory;
  std::uint64_t writable_mib; // 0: as much as `write_to_memory` has by default
  bool copy_volumes;
};

} // namespace nacre::block
