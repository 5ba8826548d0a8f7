// Keys and titles of tables as they stand in a TOML file.
#pragma once

#include <string>

namespace nacre::config {

// A bare key as it is; anything else quoted.
std::string key_text(const std::string& key);

// "[hypervisor.qemu]" and a line feed, of a dotted name.
std::string title_text(const std::string& table);

} // namespace nacre::config
