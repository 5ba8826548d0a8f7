// A plain description of a machine as QEMU's command line.
#pragma once

#include "accelerator.hpp"
#include "arguments.hpp"
#include "nvdimm.hpp"
#include "options.hpp"
#include "topology.hpp"
#include "vsock.hpp"

#include <nacre/sdk/vm.hpp>

#include <optional>

namespace nacre::qemu {

inline constexpr char agent_port_name[] =
    "nacre.agent.0"; // of the virtio-serial port, in the guest's /dev/virtio-ports

// QEMU's ends of what the plugin keeps the other end of.
struct MachineEnds {
  sdk::Fd qmp;
  sdk::Fd agent = {}; // empty: the agent is reached by vsock
  std::optional<Vsock> vsock = {};
};

// Of the description's NVDIMMs, and of those that may come later.
NvdimmDemand nvdimm_demand(const Options& options, const sdk::VmDescription& vm);

// Everything but the devices of the description. Takes the description's console.
void add_machine(Arguments& arguments, const Options& options, const Accelerator& accelerator,
                 sdk::VmDescription& vm, MachineEnds ends, Topology& topology);

// The guest kernel's parameters: those that this machine needs, then the description's.
std::string kernel_parameters(const Options& options, const Accelerator& accelerator,
                              const sdk::VmDescription& vm);

} // namespace nacre::qemu
