// The guest of these tests: Debian's kernel and an initrd of one static program.
#pragma once

#include <string>

namespace nacre::test {

// False, with the reason printed once, where there is no guest kernel to boot.
bool have_guest();
std::string guest_kernel();
std::string guest_initrd();

} // namespace nacre::test
