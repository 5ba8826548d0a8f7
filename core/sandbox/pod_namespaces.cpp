#include "sandbox/pod_namespaces.hpp"

#include "base/error.hpp"
#include "oci/namespace_owner.hpp"
#include "oci/pod.hpp"

#include <utility>

namespace nacre::sandbox {
namespace {

std::string process_path(const std::string& pid, const std::string& file) {
  return "/proc/" + pid + "/ns/" + file;
}

const NamespaceOwner* find_owner(const std::string& file, const std::string& path,
                                 const std::vector<NamespaceOwner>& owners) {
  if (const auto pid = oci::pid_of_namespace_path(
          path, file)) // holders share the host's pid namespace: only their pid tells
    for (const auto& owner : owners)
      if (owner.holder_pid == *pid) return &owner;
  if (oci::same_namespace_file(path, process_path("self", file)))
    return nullptr; // the host's own belongs to no container
  for (const auto& owner : owners)
    if (owner.holder_pid > 0 &&
        oci::same_namespace_file(path, process_path(std::to_string(owner.holder_pid), file)))
      return &owner;
  return nullptr;
}

} // namespace

std::string guest_namespace_path(const std::string& type, const std::string& path,
                                 const std::vector<NamespaceOwner>& owners) {
  const auto file = oci::namespace_file(type);
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
