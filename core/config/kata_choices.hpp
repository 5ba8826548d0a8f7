// Which plugins a file of Kata's asks for: it has no line for that, but keys that mean it.
#pragma once

#include "config/document.hpp"

#include <string>

namespace nacre::config {

// The table of [hypervisor.*] that counts for the plugin `hypervisor`: that of its own name, else that of
// Kata's name for it; the former where `document` has neither.
std::string hypervisor_table(const Document& document, const std::string& hypervisor);

// Writes the plugins that Kata's keys stand for into [runtime] where it does not name any, and moves the
// options of storage plugins to their tables. Each is told in a notice.
void choose_as_kata(Document& document, const std::string& main_file, Problems& problems);

// Whether <kind>/<name>.so is in the plugin folder, or in `extra_dir`.
bool is_plugin_installed(const std::string& kind, const std::string& name, const std::string& extra_dir);

} // namespace nacre::config
