// One value of the configuration and where it was written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nacre::config {

// A place in a configuration file. An empty file means that nobody wrote the value: it is a default. Line 0
// means that it stands in no file: `file` says where, "annotation NAME".
struct Origin {
  std::string file; // absolute, links resolved
  int line = 0;     // from 1
  int column = 0;   // from 1, in characters

  bool is_default() const noexcept { return file.empty(); }
  bool is_annotation() const noexcept { return !file.empty() && line == 0; }
  std::string text() const; // "FILE:LINE:COLUMN", "annotation NAME" or "default"
};

using StringList = std::vector<std::string>;

// A TOML value that no option can hold (a date, a list of numbers, an inline table): only its kind is kept.
struct Unsupported {
  std::string kind;
  bool operator==(const Unsupported&) const = default;
};

using Value = std::variant<std::string, std::int64_t, double, bool, StringList, Unsupported>;

// "string", "integer", "float", "boolean", "list of strings", or the TOML name of an unsupported kind.
std::string_view kind_of(const Value& value);
// As it would stand in a TOML file, strings quoted.
std::string to_toml(const Value& value);

struct Setting {
  Value value;
  Origin key_origin;   // of the key: for "unknown key"
  Origin value_origin; // of the value: for "out of range"
};

} // namespace nacre::config
