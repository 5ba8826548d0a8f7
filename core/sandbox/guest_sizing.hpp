// How large the VM is: the configuration's defaults plus what the pod's containers are limited to.
#pragma once

#include "config/config.hpp"
#include "oci/spec.hpp"

#include <cstdint>

namespace nacre::sandbox {

struct GuestSize {
  std::uint32_t vcpus = 1;
  std::uint64_t memory_bytes = 0;
  bool operator==(const GuestSize&) const = default;
};

// What the VM of a pod whose first container has this spec is sized for. Engines say at a pod's sandbox
// container, by annotations, what all of its containers will ask for together; any other container speaks for
// itself. Throws Error for an annotation that is no number.
oci::Resources sizing_resources(const oci::Spec& spec);

// The defaults hold the guest itself; a container's CPU quota and memory limit come on top, as with Kata.
// vCPUs are never more than the host's CPUs; default_maxvcpus and default_maxmemory cut what the limits ask
// for. Memory is a multiple of 2 MiB. Throws Error when a limit is
// absurd.
GuestSize size_guest(const config::GuestOptions& options, const oci::Resources& resources, unsigned host_cpus,
                     std::uint64_t host_memory_bytes);

} // namespace nacre::sandbox
