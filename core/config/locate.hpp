// Which files make the configuration, and who may have written them.
#pragma once

#include <string>
#include <vector>

namespace nacre::config {

struct DropIns {
  std::vector<std::string>
      files; // config.d/*.toml beside the main file (links resolved), in the order of names
  std::vector<std::string> unread; // others, which Kata would read
};
DropIns find_drop_ins(const std::string& main_file);

// Whether the file belongs to root and no one else may write to it. Throws Error when it cannot be looked at.
bool only_root_can_write(const std::string& file);

// The same of an absolute path without links, and of every folder above it: nobody else can put another file
// in its place.
bool only_root_can_change(const std::string& path);

// Links resolved; "" when there is nothing at `path`. Throws Error when that cannot be found out.
std::string resolved_path(const std::string& path);

} // namespace nacre::config
