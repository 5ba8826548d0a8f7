// What tells one layer's content from another's without reading it.
#pragma once

#include <string>

namespace nacre::block {

// Of a folder whose content does not change while it lasts, as the lower layers of an overlay mount. Its
// place, its inode and that inode's times, birth included: a folder that is made again at the same place is
// another one.
std::string identity_of_layer(const std::string& folder);

} // namespace nacre::block
