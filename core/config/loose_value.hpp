// Values written as text: Kata's annotations hold nothing else, and its files may. Also which value an
// option's type admits.
#pragma once

#include "config/option_schema.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace nacre::config {

// Go's ParseBool, whole numbers, "2 GiB" where the unit is MiB, lists as JSON or with commas. Absent: `text`
// is none of the type.
std::optional<Value> read_loosely(OptionType type, const std::string& text, std::string_view unit = {});

bool is_of_type(OptionType type, const Value& value);
// "must be a boolean, not an integer"
std::string type_fault(OptionType type, const Value& value);

} // namespace nacre::config
