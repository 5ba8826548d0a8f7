// The machines of QEMU that a guest can be.
#pragma once

#include "topology.hpp"

#include <memory>

namespace nacre::qemu {

enum class MachineType {
  q35,    // PCI: devices can come and go while it runs
  microvm // virtio-mmio and nothing that a guest of ours does not use
};

struct Options;

std::unique_ptr<Topology> make_topology(const Options& options);

} // namespace nacre::qemu
