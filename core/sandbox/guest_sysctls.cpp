#include "sandbox/guest_sysctls.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>

namespace nacre::sandbox {
namespace {

bool matches(std::string_view name, std::string_view pattern) {
  if (!pattern.ends_with('*')) return name == pattern;
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

} // namespace

bool is_namespaced_sysctl(std::string_view name) {
  constexpr std::array<std::string_view, 12> patterns = {
      "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",     "kernel.sem",
      "kernel.shmall", "kernel.shmmax", "kernel.shmmni",     "kernel.shm_rmid_forced",
      "fs.mqueue.*",   "net.*",         "kernel.domainname", "kernel.hostname"};
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](std::string_view pattern) { return matches(name, pattern); });
}

std::map<std::string, std::string> take_guest_sysctls(boost::json::object& linux_section,
                                                      const std::vector<std::string>& allowed,
                                                      bool own_guest) {
  std::map<std::string, std::string> taken;
  auto* value = linux_section.if_contains("sysctl");
  auto* sysctls = value ? value->if_object() : nullptr;
  if (!sysctls) return taken;
  boost::json::object kept;
  for (const auto& [key, setting] : *sysctls) {
    std::string name(key);
    std::replace(name.begin(), name.end(), '/', '.'); // sysctl(8) has both
    if (is_namespaced_sysctl(name)) {
      kept[key] = setting;
      continue;
    }
    Error refused(ErrorCode::permission_denied, "set sysctl", name);
    if (std::none_of(allowed.begin(), allowed.end(),
                     [&](const auto& pattern) { return matches(name, pattern); }))
      throw std::move(refused)
          .because(
              "it is not in a separate kernel namespace, and not among the guest's that containers may set")
          .hint("add it to guest_sysctls in [runtime] of configuration.toml");
    if (!own_guest)
      throw std::move(refused)
          .because("it is not in a separate kernel namespace, and other containers run in the same guest")
          .hint("set it for the first container of the pod");
    if (!setting.is_string())
      throw Error(ErrorCode::invalid_argument, "set sysctl", name).because("its value is no string");
    taken[std::string(key)] = setting.as_string();
  }
  *sysctls = std::move(kept);
  return taken;
}

} // namespace nacre::sandbox
