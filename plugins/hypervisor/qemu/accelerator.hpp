// Whether QEMU runs the guest on KVM or translates its code (TCG).
#pragma once

#include <string>

namespace nacre::qemu {

struct Accelerator {
  bool kvm = false;
  std::string reason; // "KVM", or why not
};

// `kvm_device` and `cpuinfo` are /dev/kvm and /proc/cpuinfo; tests name others.
Accelerator choose_accelerator(const std::string& kvm_device = "/dev/kvm",
                               const std::string& cpuinfo = "/proc/cpuinfo");

} // namespace nacre::qemu
