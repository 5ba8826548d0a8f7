// The plugins of one pod, as the configuration names them: loaded, their options checked, their handles made.
#pragma once

#include "config/config.hpp"
#include "plugin/hypervisor.hpp"
#include "plugin/network.hpp"
#include "plugin/plan.hpp"
#include "plugin/registry.hpp"
#include "plugin/security.hpp"
#include "plugin/storage.hpp"

#include <list>
#include <optional>

namespace nacre::sandbox {

// Handles go in the reverse order of their making. Calls on one handle must not be concurrent: who uses one
// from several threads locks.
struct PluginSet {
  // Loads all that `config` names and makes their handles; none of that changes the host. Throws Error.
  PluginSet(const config::Config& config, plugin::Registry& registry, plugin::HostEnvironment& environment);

  std::optional<plugin::Vm> vm;
  std::list<plugin::Network> networks; // lists: their elements never move
  std::list<plugin::Storage> storages;
  std::list<plugin::Security> securities;

  // What storage and network need against what the hypervisor offers; throws Error on a mismatch, with the
  // lines of the configuration that `chosen` came from.
  plugin::Plan plan(const config::RuntimeOptions& chosen);
  bool has_guest_labels() const; // a security plugin cares for labels in the guest
  bool has_vmm_labels() const;   // one labels the VMM
  bool has_security(std::uint64_t capability) const;
};

} // namespace nacre::sandbox
