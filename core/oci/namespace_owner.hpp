// Which container a namespace belongs to that a spec names by path: that is how engines ask for one
// container's network, ipc or pids in another (--net=container:X).
#pragma once

#include "oci/spec.hpp"
#include "oci/state.hpp"

#include <optional>
#include <string>

namespace nacre::oci {

// N of "/proc/N/ns/<file>"; nothing: it is no such path. `file` as in /proc/PID/ns ("net").
std::optional<pid_t> pid_of_namespace_path(std::string_view path, std::string_view file);
// The file of a namespace type in /proc/PID/ns: "network" is "net".
std::string namespace_file(const std::string& type);
// Both paths lead to the same namespace.
bool same_namespace_file(const std::string& one, const std::string& other);

// The first container with its state below `root` that lives and has a network, ipc, uts or pid namespace of
// the spec's. Those of the host's own are nobody's. Costs nothing for a spec without paths.
std::optional<State> namespace_owner(const std::string& root, const Spec& spec);

} // namespace nacre::oci
