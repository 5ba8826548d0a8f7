#include "oci/pod.hpp"

namespace nacre::oci {
namespace {

struct Engine {
  const char* type_key;
  const char* sandbox_key;
};

// containerd's pkg/cri/annotations, CRI-O's pkg/annotations.
constexpr Engine engines[] = {
    {"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"},
    {"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"},
};

std::string value(const std::map<std::string, std::string>& annotations, const char* key) {
  const auto found = annotations.find(key);
  return found == annotations.end() ? std::string() : found->second;
}

} // namespace

PodMembership pod_membership(const std::map<std::string, std::string>& annotations) {
  for (const auto& engine : engines) {
    const auto sandbox = value(annotations, engine.sandbox_key);
    const auto type = value(annotations, engine.type_key);
    if (sandbox.empty()) continue;
    if (type == "container") return {PodMembership::Role::container, sandbox};
    if (type == "sandbox") return {PodMembership::Role::sandbox, sandbox};
  }
  return {};
}

} // namespace nacre::oci
