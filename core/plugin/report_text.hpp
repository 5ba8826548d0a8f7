// What `nacre plugin list|show|verify|pairs` print.
#pragma once

#include "plugin/pairs.hpp"
#include "plugin/registry.hpp"
#include "plugin/verify.hpp"

#include <string>
#include <vector>

namespace nacre::plugin {

// A file that a user named: by "KIND/NAME", to be found by the registry, or by its path.
struct Target {
  Kind kind;
  std::string name;
  std::string path; // absolute
};

// Of a path; the file's note says which kind it is. Throws Error.
Target target_of_file(const std::string& path);
// Of "KIND/NAME". Throws Error.
Target target_named(const std::string& word, const Registry& registry);

std::string list_text(const std::vector<Registry::Entry>& entries);
std::string show_text(const Target& target, const Report& report);
std::string verify_text(const Target& target, const Report& report);
std::string pairs_text(const std::vector<Pair>& pairs);

} // namespace nacre::plugin
