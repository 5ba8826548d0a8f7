#include "sandbox/guest_sizing.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace nacre::sandbox {
namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t default_period_us = 100'000; // the kernel's

std::uint32_t wanted_cpus(const oci::Resources& resources) {
  if (!resources.cpu_quota || *resources.cpu_quota <= 0) return 0;
  const auto period = resources.cpu_period.value_or(default_period_us);
  if (period == 0) return 0;
  const auto quota = static_cast<std::uint64_t>(*resources.cpu_quota);
  const auto cpus = quota / period + (quota % period != 0 ? 1 : 0);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(cpus, 1'000'000));
}

std::uint64_t wanted_memory(const oci::Resources& resources, std::uint64_t host_memory_bytes) {
  if (!resources.memory_limit || *resources.memory_limit <= 0) return 0;
  // A limit beyond the host's memory limits nothing; engines write such for "unlimited".
  const auto limit = static_cast<std::uint64_t>(*resources.memory_limit);
  return limit >= host_memory_bytes ? 0 : limit;
}

} // namespace

GuestSize size_guest(const config::GuestOptions& options, const oci::Resources& resources, unsigned host_cpus,
                     std::uint64_t host_memory_bytes) {
  GuestSize size;
  const std::uint32_t most = std::max(1u, host_cpus);
  const std::uint64_t cpus = std::uint64_t{options.vcpus} + wanted_cpus(resources);
  size.vcpus = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(cpus, 1, std::max(most, options.vcpus)));
  const std::uint64_t base = std::uint64_t{options.memory_mib} * mib;
  if (base > host_memory_bytes)
    throw Error(ErrorCode::resource_exhausted, "size the virtual machine",
                std::to_string(options.memory_mib) + " MiB")
        .because("the host has " + std::to_string(host_memory_bytes / mib) + " MiB")
        .hint("lower default_memory in configuration.toml");
  const std::uint64_t memory = base + wanted_memory(resources, host_memory_bytes - base);
  size.memory_bytes = (memory + 2 * mib - 1) / (2 * mib) * (2 * mib);
  return size;
}

} // namespace nacre::sandbox
