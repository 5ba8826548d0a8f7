// A plain description of a machine as QEMU's command line.
#pragma once

#include "accelerator.hpp"
#include "arguments.hpp"
#include "options.hpp"
#include "pci_topology.hpp"

#include <nacre/sdk/vm.hpp>

namespace nacre::qemu {

inline constexpr char agent_port_name[] =
    "nacre.agent.0"; // of the virtio-serial port, in the guest's /dev/virtio-ports

// QEMU's ends of the sockets that the plugin keeps the other end of.
struct MachineSockets {
  sdk::Fd qmp;
  sdk::Fd agent;
};

// Everything but the devices of the description. Takes the description's console.
void add_machine(Arguments& arguments, const Options& options, const Accelerator& accelerator,
                 sdk::VmDescription& vm, MachineSockets sockets, PciTopology& topology);

// The guest kernel's parameters: those that this machine needs, then the description's.
std::string kernel_parameters(const Accelerator& accelerator, const sdk::VmDescription& vm, bool debug);

} // namespace nacre::qemu
