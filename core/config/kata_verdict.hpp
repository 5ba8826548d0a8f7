// What is said about a key of Kata's that no schema here has.
#pragma once

#include "config/kata_key.hpp"
#include "config/problems.hpp"

#include <string>

namespace nacre::config {

// Adds the problem or the notice that `setting` deserves in the table `table`; nothing when its value asks
// for nothing. False: Kata has no such key.
bool judge_kata_key(const std::string& table, const std::string& key, const Setting& setting,
                    Problems& problems);

// Whether `value` asks for nothing, or for what Nacre does anyway.
bool asks_for_nothing(const KataKey& key, const Value& value);

} // namespace nacre::config
