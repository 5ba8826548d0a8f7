// Which files make the configuration, and who may have written them.
#pragma once

#include <string>
#include <vector>

namespace nacre::config {

// config.d/*.toml beside the main file (links resolved), in the order of their names.
std::vector<std::string> find_drop_ins(const std::string& main_file);

// Whether the file belongs to root and no one else may write to it. Throws Error when it cannot be looked at.
bool only_root_can_write(const std::string& file);

} // namespace nacre::config
