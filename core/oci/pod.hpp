// Which pod a container belongs to, by the annotations of the engines that make pods: containerd's CRI plugin
// and CRI-O.
#pragma once

#include <map>
#include <string>

namespace nacre::oci {

struct PodMembership {
  enum class Role {
    single,    // no engine says anything of a pod
    sandbox,   // the pod's first container ("pause"): its end is the pod's
    container, // one of those that join it
  };
  Role role = Role::single;
  std::string sandbox_id; // of the sandbox container; "": single
};

// A container that names no sandbox is single, whatever else is written.
PodMembership pod_membership(const std::map<std::string, std::string>& annotations);

} // namespace nacre::oci
