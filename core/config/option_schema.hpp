// What an option may be: one key of a table. Plugins describe theirs with it (the loader translates the ABI's
// descriptions), and the core describes its own in the same way, so errors are of one kind everywhere and the
// reference of all keys can be generated.
#pragma once

#include "config/value.hpp"

#include <optional>
#include <string>
#include <vector>

namespace nacre::config {

enum class OptionType { string, integer, floating, boolean, string_list };
std::string_view to_string(OptionType type);

struct OptionSchema {
  std::string key;
  OptionType type = OptionType::string;
  std::optional<Value> default_value; // absent: the key has no value unless the user writes one
  std::optional<double> minimum;      // integer and floating only, inclusive
  std::optional<double> maximum;
  std::string help;                   // one line, no full stop
};

using Schema = std::vector<OptionSchema>;

} // namespace nacre::config
