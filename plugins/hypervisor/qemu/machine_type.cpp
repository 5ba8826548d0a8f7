#include "machine_type.hpp"

#include "mmio_topology.hpp"
#include "options.hpp"
#include "pci_topology.hpp"

namespace nacre::qemu {

std::unique_ptr<Topology> make_topology(const Options& options) {
  if (options.machine_type == MachineType::microvm) return std::make_unique<MmioTopology>();
  return std::make_unique<PciTopology>(options.bridges, options.root_ports);
}

} // namespace nacre::qemu
