// What the host's kernel offers of what containers need. Asked by trying, without side effects but that a
// device's module may be loaded.
#pragma once

#include <string>
#include <vector>

namespace nacre::cli {

struct KernelFeature {
  enum class Need { always, networks, sometimes };
  std::string name; // "mount API"
  bool works = false;
  std::string why_not; // the kernel's own words; "" when it works
  Need need = Need::sometimes;
  std::string use;    // "shares folders with a guest"
  std::string remedy; // what to do where it is missing
};

std::vector<KernelFeature> kernel_features();

} // namespace nacre::cli
