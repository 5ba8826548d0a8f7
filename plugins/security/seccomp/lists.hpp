// The lists of this folder, one a role: <role>.txt, put into the program when it is built.
#pragma once

#include <string_view>

namespace nacre::seccomp {

// Empty: there is none for this role.
std::string_view list_for_role(std::string_view role);

} // namespace nacre::seccomp
