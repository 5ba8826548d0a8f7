// The layers of a root file system that is an overlay mount of the host's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::block {

struct Layers {
  std::vector<std::string> lower; // absolute, the top one first; never empty
  std::string upper;              // what is written goes there; "": the mount is read-only
  // Options of the mount that decide what its layers' files mean, as the guest's overlay must have them too.
  std::vector<std::string> options;
};

// `options`: the file system's own in a line of mountinfo(5), the last field. Engines with many layers name
// them from a folder that the line does not tell; it is found among the parents of the folders that it does
// tell and of `mount_point`. Empty when the layers cannot be found by their names.
std::optional<Layers> parse_layers(std::string_view options, const std::string& mount_point);

// Empty when `folder` is not the root of an overlay mount, or the layers cannot be found.
std::optional<Layers> layers_of(const std::string& folder);

} // namespace nacre::block
