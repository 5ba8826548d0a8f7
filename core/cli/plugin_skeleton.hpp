// `nacre plugin new`: a plugin to begin with, made of the templates that are installed with the headers.
#pragma once

#include "plugin/identity.hpp"

#include <string>
#include <vector>

namespace nacre::cli {

struct PluginSkeleton {
  plugin::Kind kind;
  std::string name;
  std::string language; // "c++", "c" or "rust"
  std::string folder;   // absolute; made by write(), and must not be there before

  // Returns the files, relative to the folder, sorted. Throws Error, and leaves nothing behind then.
  std::vector<std::string> write() const;
};

} // namespace nacre::cli
