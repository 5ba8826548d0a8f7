// Plays one record of a plugin back, in whatever process: loads the plugin that wrote it and calls its
// undo().
#pragma once

#include "journal/journal.hpp"
#include "plugin/host_environment.hpp"
#include "plugin/registry.hpp"

namespace nacre::plugin {

// `record.kind` is a plugin kind. Throws Error when the plugin is missing or cannot undo. The record stays in
// the journal: the caller marks it done.
void undo(Registry& registry, HostEnvironment& environment, const Limits& limits,
          const journal::Record& record);

} // namespace nacre::plugin
