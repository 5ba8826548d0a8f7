// The plugin's table in configuration.toml, `[hypervisor.qemu]`.
#pragma once

#include "machine_type.hpp"

#include <nacre/sdk/options.hpp>

#include <cstdint>
#include <string>

namespace nacre::qemu {

// What the core checks the user's table against (descriptor.h says in which form). Only keys that have an
// effect here.
inline constexpr char options_schema[] = R"json([
{"key":"path","type":"string","default":"/usr/bin/qemu-system-x86_64","min":1,"help":"the QEMU program"},
{"key":"machine_type","type":"string","default":"q35","values":["q35","microvm"],"help":"the machine; \"microvm\" has less in it, and takes neither networks nor disks while the guest runs"},
{"key":"machine_accelerators","type":"string","default":"","help":"further properties of the machine, as -machine takes them: \"hpet=on\""},
{"key":"cpu_features","type":"string","default":"","help":"features of the guest's CPU, as -cpu takes them: \"pmu=off\""},
{"key":"entropy_source","type":"string","default":"/dev/urandom","min":1,"help":"what the guest's random number device reads"},
{"key":"seccompsandbox","type":"string","default":"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny","help":"QEMU's own seccomp filter, as -sandbox takes it; empty: off"},
{"key":"default_bridges","type":"integer","default":1,"min":0,"max":5,"help":"PCI bridges for devices that are added while the guest runs, 31 each; 0: none can be added"},
{"key":"pcie_root_port","type":"integer","default":0,"min":0,"max":16,"help":"PCI Express root ports for such devices, one each; every port costs boot time"},
{"key":"memory_offset","type":"integer","default":0,"min":0,"max":16777216,"help":"MiB of addresses that are kept for disks as NVDIMMs (block_device_driver = \"nvdimm\" in [storage.block]) that are added while the guest runs; 0: all are there at boot"},
{"key":"use_vsock","type":"boolean","default":true,"help":"reach the agent by vsock where the host has /dev/vhost-vsock, else by a virtio-serial port"},
{"key":"disable_vhost_net","type":"boolean","default":false,"help":"leave the guest's network to QEMU itself"},
{"key":"enable_mem_prealloc","type":"boolean","default":false,"help":"all of the guest's memory is taken from the host before it boots"},
{"key":"enable_debug","type":"boolean","default":false,"help":"the guest's kernel says all on its console"}
])json";

struct Options {
  std::string path;
  MachineType machine_type = MachineType::q35;
  std::string machine_accelerators;
  std::string cpu_features;
  std::string entropy_source;
  std::string seccomp_sandbox;
  std::uint32_t bridges = 1; // as the next, of q35 only
  std::uint32_t root_ports = 0;
  std::uint64_t nvdimm_bytes = 0; // of those that come while the guest runs
  bool vsock = true;              // where the host has it
  bool vhost_net = true;
  bool prealloc = false; // of the guest's memory
  bool debug = false;

  static Options of(const sdk::Options& table);
};

} // namespace nacre::qemu
