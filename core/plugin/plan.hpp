// The capability plan: before anything is spawned, what storage and network need is held against what the
// hypervisor offers in this configuration. A mismatch is one sentence that names both plugins and the line to
// change.
#pragma once

#include "plugin/hypervisor.hpp"
#include "plugin/network.hpp"
#include "plugin/storage.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nacre::plugin {

// A plugin that the configuration chose.
struct Party {
  Kind kind = Kind::hypervisor;
  std::string name;
  std::string place; // of the line that chose it: "/etc/nacre/configuration.toml:4"; "": a default
};

struct Offer {
  Party hypervisor;
  std::uint64_t capabilities = 0;                                       // NACRE_HV_*
  std::function<std::uint64_t(std::uint32_t kind)> device_capabilities; // NACRE_DEV_* of NACRE_DEVICE_*
};

struct Need {
  Party party;
  sdk::DeviceNeeds devices;
  bool shared_ram = false;     // NACRE_ST_SHARED_RAM
  bool shares_folders = false; // NACRE_ST_SHARES_FOLDERS
};

struct Plan {
  std::uint32_t ram_backing = NACRE_RAM_ANONYMOUS; // NACRE_RAM_*
  bool nics_hot_add = false;                       // NICs can come after the VM has booted
  bool disks_hot_add = false;
  bool disks_grow = false; // the guest is told
  bool shares_hot_add = false;
  bool runs_guest = true; // false: the null hypervisor
};

// Throws Error (failed_precondition).
Plan make_plan(const Offer& offer, const std::vector<Need>& needs);

Offer offer_of(Vm& vm, std::string place);
Need need_of(Storage& storage, std::string place);
Need need_of(Network& network, std::string place);

// "virtio-fs", "9p share": a device kind for people.
std::string device_kind_name(std::uint32_t kind);

} // namespace nacre::plugin
