// The holder of a container's process: which namespaces and terminal it gets on the host.
#pragma once

#include "base/unique_fd.hpp"
#include "launch/holder.hpp"
#include "oci/spec.hpp"

#include <memory>

namespace nacre::cli {

// Of a container's first process: the namespaces that the spec lists, since hooks and engines look for them
// at this pid (Docker moves links into /proc/PID/ns/net). `slave` is the terminal's, or empty; it is
// duplicated.
std::unique_ptr<launch::Holder> spawn_container_holder(const oci::Spec& spec, const UniqueFd& slave);

// Of an exec: in the network namespace of the container's holder.
std::unique_ptr<launch::Holder> spawn_exec_holder(const oci::Process& process, pid_t container_pid,
                                                  const UniqueFd& slave);

} // namespace nacre::cli
