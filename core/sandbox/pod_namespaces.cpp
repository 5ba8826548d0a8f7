#include "sandbox/pod_namespaces.hpp"

#include "base/error.hpp"
#include "oci/pod.hpp"

#include <charconv>
#include <optional>
#include <sys/stat.h>

namespace nacre::sandbox {
namespace {

// The name of a type in /proc/PID/ns.
std::string file_of(const std::string& type) {
  if (type == "network") return "net";
  if (type == "mount") return "mnt";
  return type;
}

// N of "/proc/N/ns/<file>".
std::optional<int> pid_in(std::string_view path, const std::string& file) {
  constexpr std::string_view proc = "/proc/";
  if (!path.starts_with(proc)) return std::nullopt;
  path.remove_prefix(proc.size());
  int pid = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), pid);
  if (error != std::errc()) return std::nullopt;
  path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  return path == "/ns/" + file ? std::optional(pid) : std::nullopt;
}

std::string process_path(const std::string& pid, const std::string& file) {
  return "/proc/" + pid + "/ns/" + file;
}

bool same_file(const std::string& one, const std::string& other) {
  struct stat a {
  }, b{};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

const NamespaceOwner* find_owner(const std::string& file, const std::string& path,
                                 const std::vector<NamespaceOwner>& owners) {
  if (const auto pid = pid_in(path, file)) // holders share the host's pid namespace: only their pid tells
    for (const auto& owner : owners)
      if (owner.holder_pid == *pid) return &owner;
  if (same_file(path, process_path("self", file))) return nullptr; // the host's own belongs to no container
  for (const auto& owner : owners)
    if (owner.holder_pid > 0 && same_file(path, process_path(std::to_string(owner.holder_pid), file)))
      return &owner;
  return nullptr;
}

} // namespace

std::string guest_namespace_path(const std::string& type, const std::string& path,
                                 const std::vector<NamespaceOwner>& owners) {
  const auto file = file_of(type);
  const auto* owner = find_owner(file, path, owners);
  if (!owner)
    throw Error(ErrorCode::failed_precondition, "join the " + type + " namespace", path)
        .because("it belongs to no container of this virtual machine")
        .hint("name a container that runs under nacre, or give the container a namespace of its own");
  return process_path(std::to_string(owner->guest_pid), file);
}

void refuse_host_namespaces(const oci::Spec& spec) {
  if (oci::pod_membership(spec.annotations).role == oci::PodMembership::Role::single) return;
  for (const auto& [type, name] : {std::pair{"pid", "hostPID"}, std::pair{"ipc", "hostIPC"}})
    if (!spec.linux.find(type))
      throw Error(ErrorCode::failed_precondition, "share the host's " + std::string(type) + " namespace")
          .because("the container runs in a virtual machine with a kernel of its own")
          .hint(std::string("leave ") + name + " out, or run the pod with runc");
}

} // namespace nacre::sandbox
