#include "sandbox/guest_spec.hpp"

#include "base/error.hpp"
#include "sandbox/device_rules.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace nacre::sandbox {
namespace {

namespace json = boost::json;

json::object* object_at(json::object& parent, std::string_view key) {
  json::value* value = parent.if_contains(key);
  return value ? value->if_object() : nullptr;
}

// Propagation towards the host does not exist; `rslave` on a share is already a fact of the pod's mount
// namespace.
void edit_mounts(json::object& document, const std::vector<GuestMountChoice>& choices,
                 const GuestPaths& paths) {
  json::value* list = document.if_contains("mounts");
  if (!list || !list->is_array()) return;
  auto& mounts = list->as_array();
  for (std::size_t i = 0; i < mounts.size() && i < choices.size(); ++i) {
    auto& mount = mounts[i].as_object();
    if (i < paths.mount_sources.size() && !paths.mount_sources[i].empty()) {
      mount["source"] = paths.mount_sources[i];
      mount["type"] = "bind";
      mount.erase("uidMappings"); // the share has the host's numbers
      mount.erase("gidMappings");
    }
  }
}

// crun writes sysctls below net. only for a container that names a network namespace (Docker sets two for
// each).
bool has_network_sysctl(json::object& linux_section) {
  const json::object* sysctl = object_at(linux_section, "sysctl");
  return sysctl && std::any_of(sysctl->begin(), sysctl->end(), [](const auto& entry) {
           const std::string_view name = entry.key();
           return name.starts_with("net.") || name.starts_with("net/");
         });
}

// Those that a container can share with another of its pod.
bool can_be_shared(std::string_view type) {
  return type == "pid" || type == "ipc" || type == "uts";
}

// The guest's network namespace is the pod's: that of its first process. Other paths name namespaces of the
// host's.
void edit_namespaces(json::object& linux_section, const GuestSpecOptions& options) {
  json::value* list = linux_section.if_contains("namespaces");
  if (!list || !list->is_array()) return;
  json::array kept;
  for (auto& entry : list->as_array()) {
    auto* ns = entry.if_object();
    const json::value* type = ns ? ns->if_contains("type") : nullptr;
    if (!type || !type->is_string() || type->as_string() == "network") continue;
    const json::value* path = ns->if_contains("path");
    const bool shared = path && path->is_string() && !path->as_string().empty() && options.guest_namespace &&
                        can_be_shared(type->as_string());
    const std::string guest_path =
        shared ? options.guest_namespace(std::string(type->as_string()), std::string(path->as_string()))
               : std::string();
    ns->erase("path");
    if (!guest_path.empty()) (*ns)["path"] = guest_path;
    kept.push_back(std::move(*ns));
  }
  if (has_network_sysctl(linux_section))
    kept.push_back(json::object{{"type", "network"}, {"path", "/proc/1/ns/net"}});
  *list = std::move(kept);
}

// A privileged container's devices are the guest's: crun makes none of its own where /dev is bound.
void give_guest_devices(json::object& document) {
  document["linux"].as_object().erase("devices");
  json::value* list = document.if_contains("mounts");
  if (!list || !list->is_array()) return;
  for (auto& value : list->as_array()) {
    auto* mount = value.if_object();
    const auto* destination = mount ? mount->if_contains("destination") : nullptr;
    if (destination && destination->is_string() && destination->as_string() == "/dev")
      *mount = {{"destination", "/dev"}, {"type", "bind"}, {"source", "/dev"}, {"options", {"bind"}}};
  }
}

// Of linux.resources: what the guest's crun is not given, and why. Without a member: all of the section.
struct LimitWithoutEffect {
  const char* section;
  const char* member;
  const char* reason;
};
constexpr const char* not_in_version_2 = "the guest's cgroups are of version 2, which has no such limit";
constexpr const char* of_the_host = "it is about devices of the host's";
constexpr const char* huge_pages_elsewhere = "the guest has huge pages for volumes of them only";
constexpr std::array<LimitWithoutEffect, 12> limits_left_out = {
    {{"memory", "kernel", not_in_version_2},
     {"memory", "kernelTCP", not_in_version_2},
     {"memory", "disableOOMKiller", not_in_version_2},
     {"memory", "swappiness", not_in_version_2},
     {"memory", "useHierarchy", not_in_version_2},
     {"memory", "checkBeforeUpdate", not_in_version_2},
     {"cpu", "realtimeRuntime", not_in_version_2},
     {"cpu", "realtimePeriod", not_in_version_2},
     {"cpu", "mems", "the guest has memory nodes of its own"},
     {"network", nullptr, not_in_version_2},
     {"rdma", nullptr, of_the_host},
     {"hugepageLimits", nullptr, huge_pages_elsewhere}}};

bool is_left_out(std::string_view cgroup_file) {
  for (const std::string_view controller : {"cpuset.", "rdma.", "hugetlb."})
    if (cgroup_file.starts_with(controller)) return true;
  return false;
}

void edit_resources(json::object& linux_section) {
  json::object* resources = object_at(linux_section, "resources");
  if (!resources) return;
  for (const auto& limit : limits_left_out) {
    if (!limit.member)
      resources->erase(limit.section);
    else if (json::object* section = object_at(*resources, limit.section))
      section->erase(limit.member);
  }
  resources->erase("blockIO"); // the pod's cgroup on the host has it (block_io.hpp), as it has unified's io.*
  // The sandbox puts the guest's CPUs in their place.
  if (json::object* cpu = object_at(*resources, "cpu")) cpu->erase("cpus");
  if (json::object* unified = object_at(*resources, "unified"))
    for (auto entry = unified->begin(); entry != unified->end();)
      entry =
          is_left_out(entry->key()) || entry->key().starts_with("io.") ? unified->erase(entry) : entry + 1;
}

// Engines write these for "no limit"; Kubernetes a zero for each size of pages that the host has.
bool limits_nothing(const json::value& value) {
  if (value.is_array())
    return std::all_of(value.get_array().begin(), value.get_array().end(), limits_nothing);
  if (value.is_object())
    return std::all_of(value.get_object().begin(), value.get_object().end(), [](const auto& member) {
      return member.key() == "pageSize" || limits_nothing(member.value());
    });
  return value.is_null() || value == json::value(false) || value == json::value(0);
}

void edit_linux(json::object& document, const GuestSpecOptions& options) {
  json::object* linux_section = object_at(document, "linux");
  if (!linux_section) linux_section = &(document["linux"] = json::object()).as_object();
  edit_namespaces(*linux_section, options);
  edit_resources(*linux_section);
  (*linux_section)["cgroupsPath"] = "/nacre/" + options.container_id; // the guest has no systemd
  linux_section->erase("intelRdt");
  linux_section->erase("personality");
  if (!options.seccomp) linux_section->erase("seccomp");
  if (!options.guest_labels) linux_section->erase("mountLabel");
}

// crun's own default is private, under which no mount would follow another; this one is runc's.
void edit_propagation(json::object& document, const oci::Spec& spec) {
  const bool follows = std::any_of(spec.mounts.begin(), spec.mounts.end(),
                                   [](const auto& mount) { return follows_mounts(mount.options); });
  json::object& linux_section = document["linux"].as_object();
  if (follows && !linux_section.contains("rootfsPropagation")) linux_section["rootfsPropagation"] = "rslave";
}

void edit_labels(json::object& process, const GuestSpecOptions& options) {
  if (options.guest_labels) return;
  process.erase("apparmorProfile");
  process.erase("selinuxLabel");
}

// Those of the host have run there. createContainer hooks are the agent's (CreateHooks in agent.proto),
// startContainer hooks are programs of the container's root, which crun runs.
void edit_hooks(json::object& document, const GuestSpecOptions& options) {
  json::object hooks;
  if (json::object* all = object_at(document, "hooks"))
    if (json::value* start = all->if_contains("startContainer"); start && start->is_array())
      hooks["startContainer"] = *start;
  if (options.create_hooks) {
    json::object own = {{"path", "/init"}};
    json::array& arguments = own["args"].emplace_array();
    arguments.emplace_back("nacre-create-hooks");
    arguments.emplace_back("/run/nacre/bundle/" + options.container_id + "/hooks");
    hooks["createContainer"].emplace_array().emplace_back(std::move(own));
  }
  document.erase("hooks");
  json::object annotations;
  if (json::object* all = object_at(document, "annotations")) annotations = std::move(*all);
  document.erase("annotations");
  if (hooks.empty()) return;
  // startContainer hooks see them in their state. crun acts on its own (run.oci.handler), which were meant
  // for the host's runtime.
  json::object kept;
  for (auto& [key, text] : annotations)
    if (!std::string_view(key).starts_with("run.oci.") && !std::string_view(key).starts_with("module.wasm."))
      kept[key] = std::move(text);
  // What hooks say is not the container's output.
  kept["run.oci.hooks.stdout"] = "/dev/null";
  kept["run.oci.hooks.stderr"] = "/dev/null";
  document["annotations"] = std::move(kept);
  document["hooks"] = std::move(hooks);
}

// As runc does it; the process is pid 1 of its namespace, and sd_listen_fds(3) compares.
void tell_listen_fds(json::object& process, std::uint32_t count) {
  if (count == 0) return;
  json::value& env = process["env"];
  if (!env.is_array()) env = json::array();
  env.as_array().emplace_back("LISTEN_FDS=" + std::to_string(count));
  env.as_array().emplace_back("LISTEN_PID=1");
}

} // namespace

std::vector<std::string> limits_without_effect(const oci::Spec& spec, bool has_huge_page_volume) {
  std::vector<std::string> words;
  const json::object* resources = oci::linux_resources(spec.document);
  if (!resources) return words;
  for (const auto& limit : limits_left_out) {
    const json::value* value = resources->if_contains(limit.section);
    if (value && limit.member)
      value = value->is_object() ? value->get_object().if_contains(limit.member) : nullptr;
    if (!value || limits_nothing(*value)) continue;
    if (limit.reason == huge_pages_elsewhere && has_huge_page_volume) continue;
    words.push_back(std::string(limit.section) + (limit.member ? "." + std::string(limit.member) : "") +
                    ": " + limit.reason);
  }
  if (const json::value* unified = resources->if_contains("unified"); unified && unified->is_object())
    for (const auto& [file, value] : unified->get_object())
      if (is_left_out(file)) words.push_back("unified." + std::string(file) + ": " + of_the_host);
  return words;
}

json::object make_guest_spec(const oci::Spec& spec, const GuestSpecOptions& options) {
  json::object document = spec.document;
  edit_hooks(document, options);
  edit_linux(document, options);
  edit_propagation(document, spec);
  if (json::object* process = object_at(document, "process")) {
    edit_labels(*process, options);
    tell_listen_fds(*process, options.listen_fds);
  }
  return document;
}

void set_guest_paths(json::object& document, const oci::Spec& spec,
                     const std::vector<GuestMountChoice>& choices, const GuestPaths& paths) {
  document["root"] = {{"path", paths.rootfs}, {"readonly", spec.root.readonly}};
  edit_mounts(document, choices, paths);
  if (allow_every_device(device_rules(document))) give_guest_devices(document);
}

json::object make_guest_process(json::object process, const GuestSpecOptions& options) {
  edit_labels(process, options);
  return process;
}

} // namespace nacre::sandbox
