#include "sandbox/guest_sizing.hpp"

#include "base/error.hpp"
#include "oci/pod.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

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

constexpr const char* cri_quota = "io.kubernetes.cri.sandbox-cpu-quota";
constexpr const char* cri_period = "io.kubernetes.cri.sandbox-cpu-period";
constexpr const char* cri_memory = "io.kubernetes.cri.sandbox-memory";
constexpr const char* crio_resources = "io.kubernetes.cri-o.PodLinuxResources";

Error bad_annotation(const std::string& key, const std::string& value) {
  return Error(ErrorCode::invalid_argument, "size the virtual machine by annotation", key)
      .because("\"" + value.substr(0, 200) + "\" is not what an engine writes there");
}

// Nothing and zero mean that no limit is set.
std::optional<std::int64_t> number(const oci::Spec& spec, const char* key) {
  const auto found = spec.annotations.find(key);
  if (found == spec.annotations.end() || found->second.empty()) return std::nullopt;
  const auto& text = found->second;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) throw bad_annotation(key, text);
  return value == 0 ? std::nullopt : std::optional(value);
}

// CRI's LinuxContainerResources as JSON.
oci::Resources crio_sizing(const std::string& text) {
  boost::system::error_code error;
  const auto document = boost::json::parse(text, error);
  if (error || !document.is_object()) throw bad_annotation(crio_resources, text);
  const auto member = [&](const char* name) -> std::optional<std::int64_t> {
    const auto* value = document.as_object().if_contains(name);
    if (!value) return std::nullopt;
    if (!value->is_int64()) throw bad_annotation(crio_resources, text);
    return value->as_int64() == 0 ? std::nullopt : std::optional(value->as_int64());
  };
  oci::Resources resources;
  resources.cpu_quota = member("cpu_quota");
  if (const auto period = member("cpu_period"); period && *period > 0)
    resources.cpu_period = static_cast<std::uint64_t>(*period);
  resources.memory_limit = member("memory_limit_in_bytes");
  return resources;
}

} // namespace

oci::Resources sizing_resources(const oci::Spec& spec) {
  if (oci::pod_membership(spec.annotations).role != oci::PodMembership::Role::sandbox)
    return spec.linux.resources;
  if (const auto found = spec.annotations.find(crio_resources);
      found != spec.annotations.end() && !found->second.empty())
    return crio_sizing(found->second);
  oci::Resources resources;
  resources.cpu_quota = number(spec, cri_quota);
  if (const auto period = number(spec, cri_period); period && *period > 0)
    resources.cpu_period = static_cast<std::uint64_t>(*period);
  resources.memory_limit = number(spec, cri_memory);
  return resources;
}

namespace {

// What the configuration allows at most; the part of the guest itself is never cut.
std::uint64_t at_most(std::uint64_t wanted, std::uint64_t limit, std::uint64_t base) {
  return limit == 0 ? wanted : std::min(wanted, std::max(limit, base));
}

} // namespace

GuestSize size_guest(const config::GuestOptions& options, const oci::Resources& resources, unsigned host_cpus,
                     std::uint64_t host_memory_bytes) {
  GuestSize size;
  const std::uint32_t most = std::max(1u, host_cpus);
  const auto cpus =
      at_most(std::uint64_t{options.vcpus} + wanted_cpus(resources), options.max_vcpus, options.vcpus);
  size.vcpus = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(cpus, 1, std::max(most, options.vcpus)));
  const std::uint64_t base = std::uint64_t{options.memory_mib} * mib;
  if (base > host_memory_bytes)
    throw Error(ErrorCode::resource_exhausted, "size the virtual machine",
                std::to_string(options.memory_mib) + " MiB")
        .because("the host has " + std::to_string(host_memory_bytes / mib) + " MiB")
        .hint("lower default_memory in configuration.toml");
  const auto memory = at_most(base + wanted_memory(resources, host_memory_bytes - base),
                              std::uint64_t{options.max_memory_mib} * mib, base);
  size.memory_bytes = (memory + 2 * mib - 1) / (2 * mib) * (2 * mib);
  return size;
}

} // namespace nacre::sandbox
