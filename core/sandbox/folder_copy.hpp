// What is in a small folder of the host's, read as one state of it.
#pragma once

#include "agent_client/agent_client.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace nacre::sandbox {

struct FolderLimits {
  std::size_t bytes = 0, entries = 0;
};

// Nothing when there is more in it than the limits, or something else than folders, files and symbolic links,
// which are copied, never followed. `entered` is called with each folder's descriptor before it is read.
// Throws Error when it cannot be read, or never holds still. `path` is for messages.
std::optional<agent_client::v1::FolderCopy> copy_folder(int folder, const std::string& path,
                                                        const FolderLimits& limits,
                                                        const std::function<void(int)>& entered);

} // namespace nacre::sandbox
