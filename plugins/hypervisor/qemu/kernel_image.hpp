// Whether a file is a kernel that QEMU can start. QEMU's own words for one that is not are far from the cause
// ("kernel too old to load a ram disk" for a text).
#pragma once

#include <string>

namespace nacre::qemu {

// Throws NACRE_E_INVALID_ARGUMENT, naming the file, unless it is a bzImage or an x86 ELF with a PVH entry,
// and whole.
void check_kernel(const std::string& path);

} // namespace nacre::qemu
