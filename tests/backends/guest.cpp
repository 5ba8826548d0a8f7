#include "guest.hpp"

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace nacre::test {

std::string guest_kernel() {
  const char* other = std::getenv("NACRE_TEST_KERNEL");
  return other ? other : NACRE_TEST_KERNEL;
}

std::string guest_initrd() {
  return NACRE_TEST_INITRD;
}

bool have_guest() {
  const bool have = ::access(guest_kernel().c_str(), R_OK) == 0;
  if (!have)
    std::printf("skipped: there is no guest kernel %s; tools/dev build makes it\n", guest_kernel().c_str());
  return have;
}

} // namespace nacre::test
