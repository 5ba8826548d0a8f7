// A plugin's options as they are when the user has written none.
#pragma once

#include <string>
#include <string_view>

namespace nacre::plugin {

// `schema` is the plugin's own description (<nacre/plugin/descriptor.h>); returns a JSON object. Throws
// when it is no description.
std::string option_defaults(std::string_view schema);

} // namespace nacre::plugin
