// The bundle's config.json as the guest's crun is to see it. Pure: documents in, documents out.
//
// What the guest's kernel enforces stays (capabilities, rlimits, limits of memory, CPU and pids, masked
// paths, device rules, sysctls, user and pid namespaces); what means the host goes (network namespace, hooks,
// host paths, CPU pinning, block devices' numbers, labels of a security module that the guest has not).
#pragma once

#include "oci/spec.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace nacre::sandbox {

// What becomes of one entry of `mounts`, in its order.
struct GuestMountChoice {
  enum class How {
    keep,      // the guest makes it as it is written: proc, sysfs, tmpfs, devpts, mqueue, cgroup
    guest_own, // a bind of something that the guest has itself: /dev, /proc, /sys
    shm,       // a bind of the host's shared memory on /dev/shm: a tmpfs of the guest of that size
    share,     // a bind of the host's: through a storage plugin
  };
  How how = How::keep;
  std::string host_source;     // share: absolute, not resolved
  std::uint64_t shm_bytes = 0; // shm: 0: the kernel's default
};

// Looks at the host's files for nothing but the size of a shared memory mount. `bundle`: for relative
// sources.
std::vector<GuestMountChoice> choose_mounts(const oci::Spec& spec, const std::string& bundle);

struct GuestPaths {
  std::string rootfs;                     // guest path of the container's root
  std::vector<std::string> mount_sources; // for each entry of `mounts`; "" where it is not `share`
};

struct GuestSpecOptions {
  std::string container_id;
  bool seccomp = true;       // false: linux.seccomp is taken out
  bool guest_labels = false; // a security plugin cares for labels in the guest
};

boost::json::object make_guest_spec(const oci::Spec& spec, const std::vector<GuestMountChoice>& choices,
                                    const GuestPaths& paths, const GuestSpecOptions& options);

// The same for an exec's process object.
boost::json::object make_guest_process(boost::json::object process, const GuestSpecOptions& options);

} // namespace nacre::sandbox
