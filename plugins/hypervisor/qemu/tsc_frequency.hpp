// How fast this host's time stamp counter runs.
#pragma once

#include <cstdint>

namespace nacre::qemu {

// In kHz, measured against the kernel's own clock, to some 50 millionths. Takes two milliseconds: no file
// says it everywhere ("cpu MHz" of /proc/cpuinfo is the CPU's clock of the moment).
std::uint64_t measure_tsc_khz();

} // namespace nacre::qemu
