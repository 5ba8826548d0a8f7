// What can be seen of a guest's initrd before anything is started with it.
#pragma once

#include <string>

namespace nacre::sandbox {

// Throws an Error that names the file and ends with `remedy` when the file cannot be an initrd, is cut off,
// or holds no program that the kernel would start: "/init", or what rdinit= in `kernel_params` names. What
// only the kernel can see, inside of a compressed archive, is left to it.
void check_initrd(const std::string& path, const std::string& kernel_params, const std::string& remedy);

} // namespace nacre::sandbox
