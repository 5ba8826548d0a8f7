// The bundle's config.json as the guest's crun is to see it. Pure: documents in, documents out.
//
// What the guest's kernel enforces stays (capabilities, rlimits, limits of memory, CPU and pids, masked
// paths, device rules, sysctls, user and pid namespaces); what means the host goes (network namespace, hooks,
// host paths, the host's CPU numbers, block devices' numbers, labels of a security module that the guest has
// not). A privileged container has the guest's devices.
#pragma once

#include "oci/spec.hpp"
#include "sandbox/mount_choice.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nacre::sandbox {

struct GuestPaths {
  std::string rootfs;                     // guest path of the container's root
  std::vector<std::string> mount_sources; // for each entry of `mounts`; "": not of the host
};

struct GuestSpecOptions {
  std::string container_id;
  bool seccomp = true;       // false: linux.seccomp is taken out
  bool guest_labels = false; // a security plugin cares for labels in the guest
  // The guest's path ("": a new one) of a pid, ipc or uts namespace that the host names by path; empty:
  // containers get new ones.
  std::function<std::string(const std::string& type, const std::string& path)> guest_namespace = {};
  bool create_hooks = false;    // the agent runs the createContainer hooks
  std::uint32_t listen_fds = 0; // how many descriptors of socket activation the process gets
};

// Limits of `linux.resources` that the guest is not given, each with the reason: "memory.kernel: ...".
std::vector<std::string> limits_without_effect(const oci::Spec& spec, bool has_huge_page_volume = false);

// All but the paths of files, which are known when a storage plugin has them.
boost::json::object make_guest_spec(const oci::Spec& spec, const GuestSpecOptions& options);

// The container's root and the sources of its mounts. `choices` are those of the same spec.
void set_guest_paths(boost::json::object& document, const oci::Spec& spec,
                     const std::vector<GuestMountChoice>& choices, const GuestPaths& paths);

// The same for an exec's process object.
boost::json::object make_guest_process(boost::json::object process, const GuestSpecOptions& options);

} // namespace nacre::sandbox
