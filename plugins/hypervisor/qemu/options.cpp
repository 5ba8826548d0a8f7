#include "options.hpp"

namespace nacre::qemu {

Options Options::of(const sdk::Options& table) {
  Options options;
  options.path = table.string_or("path", "/usr/bin/qemu-system-x86_64");
  if (!options.path.starts_with('/'))
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT, "path \"" + options.path + "\" of QEMU is not absolute");
  if (table.string_or("machine_type", "q35") == "microvm") options.machine_type = MachineType::microvm;
  options.machine_accelerators = table.string_or("machine_accelerators", "");
  options.cpu_features = table.string_or("cpu_features", "");
  options.entropy_source = table.string_or("entropy_source", "/dev/urandom");
  options.seccomp_sandbox = table.string_or(
      "seccompsandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
  options.bridges = static_cast<std::uint32_t>(table.integer_or("default_bridges", 1));
  options.root_ports = static_cast<std::uint32_t>(table.integer_or("pcie_root_port", 0));
  if (options.machine_type == MachineType::microvm && options.root_ports != 0)
    throw sdk::Error(
        NACRE_E_INVALID_ARGUMENT,
        "machine_type \"microvm\" has no PCI and so no root ports; remove pcie_root_port, or set "
        "machine_type to \"q35\"");
  options.nvdimm_bytes = static_cast<std::uint64_t>(table.integer_or("memory_offset", 0)) << 20U;
  if (options.machine_type == MachineType::microvm && options.nvdimm_bytes != 0)
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                     "machine_type \"microvm\" has no NVDIMMs; remove memory_offset, or set machine_type to "
                     "\"q35\"");
  options.vsock = table.boolean_or("use_vsock", true);
  options.vhost_net = !table.boolean_or("disable_vhost_net", false);
  options.prealloc = table.boolean_or("enable_mem_prealloc", false);
  options.debug = table.boolean_or("enable_debug", false);
  return options;
}

} // namespace nacre::qemu
