#include "oci/spec_reader.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace nacre::oci {
namespace {

constexpr std::int64_t max_int = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t max_list = 4096; // of mounts, devices, hooks: far above any use, far below harm

void check_count(const Field& field, std::size_t count) {
  if (count > max_list) field.refuse("has " + std::to_string(count) + " entries", "at most 4096 are taken");
}

std::string absolute_path(const Field& field) {
  auto path = field.text();
  if (path.empty() || path.front() != '/') field.refuse("is \"" + path + "\"", "it must be an absolute path");
  return path;
}

std::vector<Hook> read_hook_list(const Field& field) {
  std::vector<Hook> out;
  const auto items = field.items();
  check_count(field, items.size());
  for (const auto& item : items) {
    Hook hook;
    item.member("path").require();
    hook.path = absolute_path(item.member("path"));
    hook.args = item.member("args").texts();
    hook.env = item.member("env").texts();
    hook.has_env = item.member("env").present();
    const auto timeout = item.member("timeout");
    if (timeout.present()) hook.timeout_s = static_cast<std::uint32_t>(timeout.integer(1, 86400));
    out.push_back(std::move(hook));
  }
  return out;
}

std::vector<Namespace> read_namespaces(const Field& field) {
  constexpr std::array<std::string_view, 8> known = {"pid", "network", "mount",  "ipc",
                                                     "uts", "user",    "cgroup", "time"};
  std::vector<Namespace> out;
  for (const auto& item : field.items()) {
    Namespace space{item.member("type").text(), {}};
    if (std::find(known.begin(), known.end(), space.type) == known.end())
      item.member("type").refuse("is \"" + space.type + "\"",
                                 "Linux has pid, network, mount, ipc, uts, user, cgroup and time");
    if (std::any_of(out.begin(), out.end(), [&](const auto& other) { return other.type == space.type; }))
      item.member("type").refuse("repeats \"" + space.type + "\"");
    const auto path = item.member("path");
    if (path.present() && !path.text().empty()) space.path = absolute_path(path);
    out.push_back(std::move(space));
  }
  return out;
}

std::vector<Device> read_devices(const Field& field) {
  std::vector<Device> out;
  const auto items = field.items();
  check_count(field, items.size());
  for (const auto& item : items) {
    Device device;
    device.type = item.member("type").text();
    if (device.type != "c" && device.type != "b" && device.type != "u" && device.type != "p")
      item.member("type").refuse("is \"" + device.type + "\"", "write c, b, u or p");
    device.path = absolute_path(item.member("path"));
    if (has_dot_dot(device.path))
      item.member("path").refuse("is \"" + device.path + "\", which leaves the rootfs",
                                 "write it without ..");
    device.major = item.member("major").integer(-1, max_int);
    device.minor = item.member("minor").integer(-1, max_int);
    device.file_mode = item.member("fileMode").maybe_id();
    device.uid = item.member("uid").maybe_id();
    device.gid = item.member("gid").maybe_id();
    out.push_back(std::move(device));
  }
  return out;
}

std::vector<IdMapping> read_mappings(const Field& field) {
  std::vector<IdMapping> out;
  const auto items = field.items();
  check_count(field, items.size());
  for (const auto& item : items)
    out.push_back({item.member("containerID").id(), item.member("hostID").id(), item.member("size").id()});
  return out;
}

// Numbers around the largest are what cgroup v1 itself says for "no limit"; what lies between is a mistake.
void check_memory(const Field& field) {
  constexpr std::int64_t pebibyte = std::int64_t{1} << 50;
  constexpr std::int64_t unlimited = 0x7fff'0000'0000'0000;
  const auto bytes = field.maybe_integer(-1, max_int).value_or(0);
  if (bytes > pebibyte && bytes < unlimited)
    field.refuse("is " + std::to_string(bytes) + " bytes, more than any machine has", "use -1 for no limit");
}

Resources read_resources(const Field& field) {
  Resources out;
  const auto memory = field.member("memory");
  for (const auto* key : {"limit", "swap"})
    check_memory(memory.member(key));
  out.memory_limit = memory.member("limit").maybe_integer(-1, max_int);
  out.memory_swap = memory.member("swap").maybe_integer(-1, max_int);
  const auto cpu = field.member("cpu");
  out.cpu_quota = cpu.member("quota").maybe_integer(-1, max_int);
  if (const auto period = cpu.member("period").maybe_integer(0, max_int))
    out.cpu_period = static_cast<std::uint64_t>(*period);
  if (cpu.member("shares").present()) out.cpu_shares = cpu.member("shares").whole();
  out.cpuset_cpus = cpu.member("cpus").text();
  out.cpuset_mems = cpu.member("mems").text();
  out.pids_limit = field.member("pids").member("limit").maybe_integer(-1, max_int);
  for (const auto& item : field.member("hugepageLimits").items())
    out.huge_page_limits[item.member("pageSize").text()] = item.member("limit").whole();
  return out;
}

} // namespace

std::map<std::string, std::string> read_text_map(const Field& field) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : field.members()) {
    if (key.empty()) field.refuse("has an empty key");
    value.require();
    out[key] = value.text();
  }
  return out;
}

std::vector<Mount> read_mounts(const Field& field) {
  std::vector<Mount> out;
  const auto items = field.items();
  check_count(field, items.size());
  for (const auto& item : items) {
    Mount mount;
    const auto destination = item.member("destination");
    destination.require();
    mount.destination = destination.text();
    if (mount.destination.empty()) destination.refuse("is empty", "write an absolute path");
    if (mount.destination.front() != '/')
      destination.refuse("is \"" + mount.destination + "\"", "it must be an absolute path");
    if (has_dot_dot(mount.destination))
      destination.refuse("is \"" + mount.destination + "\", which leaves the rootfs", "write it without ..");
    mount.type = item.member("type").text();
    mount.source = item.member("source").text();
    mount.options = item.member("options").texts();
    if (mount.is_bind() && mount.source.empty())
      item.member("source").refuse("is missing", "a bind mount needs it");
    out.push_back(std::move(mount));
  }
  return out;
}

Hooks read_hooks(const Field& field) {
  return {read_hook_list(field.member("prestart")),        read_hook_list(field.member("createRuntime")),
          read_hook_list(field.member("createContainer")), read_hook_list(field.member("startContainer")),
          read_hook_list(field.member("poststart")),       read_hook_list(field.member("poststop"))};
}

Linux read_linux(const Field& field) {
  Linux out;
  out.namespaces = read_namespaces(field.member("namespaces"));
  out.devices = read_devices(field.member("devices"));
  out.uid_mappings = read_mappings(field.member("uidMappings"));
  out.gid_mappings = read_mappings(field.member("gidMappings"));
  out.resources = read_resources(field.member("resources"));
  const auto cgroups = field.member("cgroupsPath");
  out.cgroups_path = cgroups.text();
  if (has_dot_dot(out.cgroups_path)) cgroups.refuse("is \"" + out.cgroups_path + "\"", "write it without ..");
  if (out.cgroups_path.size() > 4096) cgroups.refuse("is longer than 4096 bytes");
  out.sysctl = read_text_map(field.member("sysctl"));
  const auto seccomp = field.member("seccomp");
  seccomp.members(); // refuses what is no object
  out.has_seccomp = seccomp.present();
  out.mount_label = field.member("mountLabel").text();
  return out;
}

} // namespace nacre::oci
