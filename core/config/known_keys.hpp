// Where a key that stands in the wrong place belongs.
#pragma once

#include <string>
#include <vector>

namespace nacre::config {

// The keys that Kata has in such a table.
std::vector<std::string> kata_keys_of(const std::string& table);

// "[runtime]" or "[hypervisor.NAME]": the table that has exactly this key; "" when none has, or several kinds
// of tables have.
std::string place_of_key(const std::string& key);

// Every key that may stand in some table, for the nearest one.
std::vector<std::string> all_known_keys();

// The tables that have a meaning, with NAME for the plugin's.
std::vector<std::string> all_known_tables();

} // namespace nacre::config
