#include "cli/diagnosis/host_facts.hpp"

#include "base/error.hpp"
#include "oci/file_io.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <sys/utsname.h>
#include <thread>

namespace nacre::cli {
namespace {

constexpr std::size_t max_file = 16u << 20; // cpuinfo of a thousand CPUs

// Hardware virtualization, that of a host that is itself a guest, and what makes guests fast.
constexpr std::array<std::string_view, 12> flags_that_count = {
    "vmx",          "svm",     "hypervisor", "ept",
    "npt",          "vpid",    "x2apic",     "tsc_deadline_timer",
    "constant_tsc", "invpcid", "sev",        "tdx_host_platform"};

std::string text_of(const std::string& path) {
  try {
    return oci::read_file(path, max_file, "read").value_or("");
  } catch (const Error&) {
    return {};
  }
}

// The rest of the first line that begins with `key` and has `separator` after it, without blanks around it.
std::string_view value_of(std::string_view text, std::string_view key, char separator) {
  for (std::size_t at = 0; at < text.size();) {
    const auto line = text.substr(at, text.find('\n', at) - at);
    at += line.size() + 1;
    if (!line.starts_with(key)) continue;
    auto rest = line.substr(key.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (!rest.starts_with(separator)) continue;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    return rest;
  }
  return {};
}

std::uint64_t mib_of(std::string_view kib) {
  std::uint64_t number = 0;
  std::from_chars(kib.data(), kib.data() + kib.size(), number);
  return number / 1024;
}

bool has_word(std::string_view text, std::string_view word) {
  return (" " + std::string(text) + " ").find(" " + std::string(word) + " ") != std::string::npos;
}

} // namespace

HostFacts host_facts() {
  HostFacts facts;
  utsname system{};
  if (::uname(&system) == 0) {
    facts.kernel = system.release;
    facts.machine = system.machine;
  }
  const auto release = text_of("/etc/os-release");
  facts.distribution = value_of(release, "PRETTY_NAME", '=');
  std::erase(facts.distribution, '"');
  const auto cpuinfo = text_of("/proc/cpuinfo");
  facts.cpu = value_of(cpuinfo, "model name", ':');
  facts.cpus = std::thread::hardware_concurrency();
  const auto flags = value_of(cpuinfo, "flags", ':');
  for (const auto flag : flags_that_count)
    if (has_word(flags, flag)) facts.cpu_flags.emplace_back(flag);
  const auto memory = text_of("/proc/meminfo");
  facts.memory_mib = mib_of(value_of(memory, "MemTotal", ':'));
  facts.available_mib = mib_of(value_of(memory, "MemAvailable", ':'));
  return facts;
}

} // namespace nacre::cli
