// The bundle's config.json as the guest's crun is to see it. Pure: documents in, documents out.
//
// What the guest's kernel enforces stays (capabilities, rlimits, limits of memory, CPU and pids, masked
// paths, device rules, sysctls, user and pid namespaces); what means the host goes (network namespace, hooks,
// host paths, the host's CPU numbers, block devices' numbers, labels of a security module that the guest has
// not). A privileged container has the guest's devices.
#pragma once

#include "oci/spec.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nacre::sandbox {

// A tmpfs of the guest, in place of one of the host's. Containers of a pod that bind the same one of the
// host's share it.
struct GuestMemory {
  std::string name;        // stands for the folder on the host; a file name
  std::uint64_t bytes = 0; // 0: the kernel's default
  std::uint32_t mode = 01777, uid = 0, gid = 0;
  std::vector<std::string> options; // "nosuid", "nodev", "noexec"
};
std::string guest_memory_path(const GuestMemory& memory); // where it is mounted in the guest

// What becomes of one entry of `mounts`, in its order.
struct GuestMountChoice {
  enum class How {
    keep,      // the guest makes it as it is written: proc, sysfs, tmpfs, devpts, mqueue, cgroup
    guest_own, // a bind of something that the guest has itself: /dev, /proc, /sys
    memory, // a bind of memory of the host's (/dev/shm, an emptyDir of medium Memory): the guest's own memory
    share,  // a bind of the host's: through a storage plugin
  };
  How how = How::keep;
  std::string host_source; // share: absolute, not resolved
  GuestMemory memory;
};

// Looks at the host's files only to know memory of the host's. `bundle`: for relative sources.
std::vector<GuestMountChoice> choose_mounts(const oci::Spec& spec, const std::string& bundle);

struct GuestPaths {
  std::string rootfs;                     // guest path of the container's root
  std::vector<std::string> mount_sources; // for each entry of `mounts`; "" where it is not `share`
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
std::vector<std::string> limits_without_effect(const oci::Spec& spec);

// All but the paths of files, which are known when a storage plugin has them.
boost::json::object make_guest_spec(const oci::Spec& spec, const GuestSpecOptions& options);

// The container's root and the sources of its mounts. `choices` are those of the same spec.
void set_guest_paths(boost::json::object& document, const oci::Spec& spec,
                     const std::vector<GuestMountChoice>& choices, const GuestPaths& paths);

// The same for an exec's process object.
boost::json::object make_guest_process(boost::json::object process, const GuestSpecOptions& options);

} // namespace nacre::sandbox
