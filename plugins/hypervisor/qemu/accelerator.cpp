#include "accelerator.hpp"

#include <nacre/sdk/fd.hpp>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>

namespace nacre::qemu {
namespace {

// The first "flags" line; all CPUs have the same.
bool has_virtualization_flag(const std::string& cpuinfo) {
  std::ifstream file(cpuinfo);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;)
      if (word == "vmx" || word == "svm") return true;
    return false;
  }
  return false;
}

} // namespace

Accelerator choose_accelerator(const std::string& kvm_device, const std::string& cpuinfo) {
  const sdk::Fd kvm(::open(kvm_device.c_str(), O_RDWR | O_CLOEXEC));
  if (!kvm) return {false, "TCG: " + kvm_device + " does not open: " + ::strerrordesc_np(errno)};
  // Some hosts offer a /dev/kvm on which ordinary guests hang: without the CPU's own flag it is not to be
  // trusted.
  if (!has_virtualization_flag(cpuinfo)) return {false, "TCG: " + cpuinfo + " shows neither vmx nor svm"};
  return {true, "KVM"};
}

} // namespace nacre::qemu
