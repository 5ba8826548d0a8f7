// Namespaces that a container shares with another of its pod. The host names them by a path of its own
// ("/proc/<pid of a holder>/ns/ipc"); the guest's crun needs the path of the same container's process there.
#pragma once

#include "oci/spec.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nacre::sandbox {

// One container of the pod that may be joined.
struct NamespaceOwner {
  int holder_pid = 0;
  std::uint32_t guest_pid = 0; // what the guest says; used for nothing but a path in the guest
};

// Looked up by the holder's pid in the path, else by the namespace that the path leads to. Throws Error when
// it belongs to none of `owners`: no namespace of the host's can be had in a virtual machine.
std::string guest_namespace_path(const std::string& type, const std::string& path,
                                 const std::vector<NamespaceOwner>& owners);

// For a container that an engine of Kubernetes makes: hostPID and hostIPC are asked for by leaving the
// namespace out. Throws Error.
void refuse_host_namespaces(const oci::Spec& spec);

} // namespace nacre::sandbox
