// Kata's own guest kernel and image: its agent speaks another protocol, so they cannot be used as they are.
#pragma once

#include <string>

namespace nacre::config {

// Whether the path, or what it leads to, is below a folder of Kata's or has its file name.
bool is_kata_asset(const std::string& path);

} // namespace nacre::config
