#include "tsc_frequency.hpp"

#include <ctime>
#include <x86intrin.h>

namespace nacre::qemu {
namespace {

constexpr std::uint64_t span_ns = 2'000'000;
constexpr int attempts = 8; // the one in which nothing came between is the best

struct Reading {
  std::uint64_t ns, ticks, uncertainty;
};

std::uint64_t clock_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

Reading read_both() {
  Reading best{0, 0, ~std::uint64_t{0}};
  for (int i = 0; i < attempts; ++i) {
    const auto before = clock_ns();
    const std::uint64_t ticks = __rdtsc();
    const auto after = clock_ns();
    if (after - before < best.uncertainty) best = {before + (after - before) / 2, ticks, after - before};
  }
  return best;
}

} // namespace

std::uint64_t measure_tsc_khz() {
  const auto first = read_both();
  while (clock_ns() - first.ns < span_ns) {
  }
  const auto last = read_both();
  return (last.ticks - first.ticks) * 1'000'000 / (last.ns - first.ns);
}

} // namespace nacre::qemu
