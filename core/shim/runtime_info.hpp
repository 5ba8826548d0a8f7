// What -info and -v say.
#pragma once

#include <string>

namespace nacre::shim {

std::string runtime_info(); // a serialized containerd.types.RuntimeInfo
std::string version_text(const std::string& program);

} // namespace nacre::shim
