// The folder of one container below --root; that it exists is the lock on the id.
#pragma once

#include <string>

namespace nacre::cli {

// Makes `<root>/<id>` and, when missing, the root. Throws Error(already_exists) when the id is taken.
void make_state_folder(const std::string& root, const std::string& id);
// Removes it with all that it holds; a missing one is fine. Throws Error.
void remove_state_folder(const std::string& state_dir);

} // namespace nacre::cli
