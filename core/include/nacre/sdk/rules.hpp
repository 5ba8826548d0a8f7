// What a security plugin is given and what it answers, as C++ values; see <nacre/plugin/security.h> for each
// field's meaning.
#ifndef NACRE_SDK_RULES_HPP
#define NACRE_SDK_RULES_HPP

#include <nacre/plugin/security.h>
#include <nacre/sdk/boundary.hpp>

#include <optional>

namespace nacre::sdk {

// struct nacre_process_request
struct ProcessRequest {
  std::string role{};
  std::string program{};
  std::string sandbox_id{};
  std::string bundle_label{};
  std::string plugin{};
};

// struct nacre_process_rules
struct ProcessRules {
  struct Ids {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups{};
  };
  bool no_new_privileges = false;
  std::string filter{}; // struct sock_filter[] as bytes; "": none
  std::uint32_t filter_flags = 0;
  std::optional<Ids> ids{};
  std::optional<std::vector<std::string>> capabilities{}; // only these stay; absent: nothing said
  std::vector<std::string> rlimits{};
  std::string selinux_label{};
  std::string apparmor_profile{};
};

// struct nacre_guest_request
struct GuestRequest {
  bool is_exec = false;
  std::string process{};
  std::string linux_section{};
};

// struct nacre_guest_rules
struct GuestRules {
  std::string process{};       // "": unchanged
  std::string linux_section{}; // "": unchanged
};

inline const nacre_process_request* to_c(const ProcessRequest& request, Arena& arena) {
  auto* raw = arena.make<nacre_process_request>();
  NACRE_SDK_SET(arena, raw, role, request.role);
  NACRE_SDK_SET(arena, raw, program, request.program);
  NACRE_SDK_SET(arena, raw, sandbox_id, request.sandbox_id);
  NACRE_SDK_SET(arena, raw, bundle_label, request.bundle_label);
  NACRE_SDK_SET(arena, raw, plugin, request.plugin);
  return raw;
}

inline ProcessRequest from_c(const nacre_process_request* pointer) {
  const auto raw = received(pointer, "a process request");
  return {NACRE_SDK_GET(raw, role), NACRE_SDK_GET(raw, program), NACRE_SDK_GET(raw, sandbox_id),
          NACRE_SDK_GET(raw, bundle_label), NACRE_SDK_GET(raw, plugin)};
}

inline nacre_process_rules to_c(const ProcessRules& rules, Arena& arena) {
  nacre_process_rules raw{};
  raw.struct_size = sizeof raw;
  raw.no_new_privileges = rules.no_new_privileges ? 1 : 0;
  if (!rules.filter.empty()) { // sock_filter wants 4-byte alignment
    auto* words = arena.array<std::uint64_t>((rules.filter.size() + 7) / 8);
    std::memcpy(words, rules.filter.data(), rules.filter.size());
    raw.filter = words;
    raw.filter_bytes = rules.filter.size();
    raw.filter_flags = rules.filter_flags;
  }
  if (rules.ids) {
    raw.set_ids = 1;
    raw.uid = rules.ids->uid;
    raw.gid = rules.ids->gid;
    raw.groups = arena.copy(rules.ids->groups);
    raw.group_count = static_cast<std::uint32_t>(rules.ids->groups.size());
  }
  if (rules.capabilities) {
    raw.limit_capabilities = 1;
    raw.capabilities = arena.texts(*rules.capabilities);
    raw.capability_count = static_cast<std::uint32_t>(rules.capabilities->size());
  }
  raw.rlimits = arena.texts(rules.rlimits);
  raw.rlimit_count = static_cast<std::uint32_t>(rules.rlimits.size());
  NACRE_SDK_SET(arena, &raw, selinux_label, rules.selinux_label);
  NACRE_SDK_SET(arena, &raw, apparmor_profile, rules.apparmor_profile);
  return raw;
}

inline ProcessRules from_c(const nacre_process_rules& raw) {
  ProcessRules rules;
  rules.no_new_privileges = raw.no_new_privileges != 0;
  if (raw.filter != nullptr) rules.filter.assign(static_cast<const char*>(raw.filter), raw.filter_bytes);
  rules.filter_flags = raw.filter_flags;
  if (raw.set_ids != 0)
    rules.ids = ProcessRules::Ids{raw.uid, raw.gid, {raw.groups, raw.groups + raw.group_count}};
  if (raw.limit_capabilities != 0)
    rules.capabilities.emplace(raw.capabilities, raw.capabilities + raw.capability_count);
  for (std::uint32_t i = 0; i < raw.rlimit_count; ++i)
    rules.rlimits.emplace_back(raw.rlimits[i]);
  rules.selinux_label = NACRE_SDK_GET(raw, selinux_label);
  rules.apparmor_profile = NACRE_SDK_GET(raw, apparmor_profile);
  return rules;
}

inline const nacre_guest_request* to_c(const GuestRequest& request, Arena& arena) {
  auto* raw = arena.make<nacre_guest_request>();
  raw->is_exec = request.is_exec ? 1 : 0;
  NACRE_SDK_SET(arena, raw, process, request.process);
  NACRE_SDK_SET(arena, raw, linux_section, request.linux_section);
  return raw;
}

inline GuestRequest from_c(const nacre_guest_request* pointer) {
  const auto raw = received(pointer, "a guest request");
  return {raw.is_exec != 0, NACRE_SDK_GET(raw, process), NACRE_SDK_GET(raw, linux_section)};
}

inline nacre_guest_rules to_c(const GuestRules& rules, Arena& arena) {
  nacre_guest_rules raw{};
  raw.struct_size = sizeof raw;
  NACRE_SDK_SET(arena, &raw, process, rules.process);
  NACRE_SDK_SET(arena, &raw, linux_section, rules.linux_section);
  return raw;
}

inline GuestRules from_c(const nacre_guest_rules& raw) {
  return {NACRE_SDK_GET(raw, process), NACRE_SDK_GET(raw, linux_section)};
}

} // namespace nacre::sdk

#endif
