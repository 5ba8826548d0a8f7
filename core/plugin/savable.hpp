// Whether a virtual machine with these storage plugins could be saved and restored.
#pragma once

#include "plugin/registry.hpp"

#include <string>
#include <vector>

namespace nacre::plugin {

// Throws Error (failed_precondition) for the first plugin of `storages` whose mounts hinder a save: one
// sentence that names it and the installed plugin to use instead. `operation` and `container` begin it.
void require_savable(const std::vector<Registry::Entry>& installed, const std::vector<std::string>& storages,
                     const std::string& operation, const std::string& container);

} // namespace nacre::plugin
