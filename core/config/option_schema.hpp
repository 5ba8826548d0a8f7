// What an option may be: one key of a table. Plugins describe theirs with it (the loader translates the ABI's
// descriptions), and the core describes its own in the same way, so errors are of one kind everywhere and the
// reference of all keys can be generated.
#pragma once

#include "config/value.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::config {

enum class OptionType { string, integer, floating, boolean, string_list };
std::string_view to_string(OptionType type);

struct OptionSchema {
  std::string key;
  OptionType type = OptionType::string;
  std::optional<Value> default_value; // absent: the key has no value unless the user writes one
  std::optional<double> minimum;      // inclusive; of a string or a list: its length
  std::optional<double> maximum;
  std::string help = {};  // one line, no full stop
  StringList values = {}; // strings and lists of strings: what is allowed; empty: anything
  std::string unit = {};  // "MiB": text may say it, "2 GiB"
};

using Schema = std::vector<OptionSchema>;

// Reads the description that a plugin exports (<nacre/plugin/descriptor.h>: a JSON array). Throws Error that
// names the key and member at fault; a default that its own description refuses is such a fault.
Schema parse_schema(std::string_view json);

} // namespace nacre::config
