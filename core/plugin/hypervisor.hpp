// A hypervisor plugin, and a VM of it, for the sandbox: C++ values in and out. Everything throws nacre::Error
// that names the plugin and the operation. Calls on one Vm must not be concurrent.
#pragma once

#include "base/unique_fd.hpp"
#include "plugin/host_services.hpp"
#include "plugin/limits.hpp"

#include <nacre/plugin/hypervisor.h>
#include <nacre/sdk/host.hpp>
#include <nacre/sdk/vm.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::plugin {

// The values that cross the boundary; the SDK's own, so that both sides mean the same.
using sdk::AgentChannel;
using sdk::Device;
using sdk::GuestDevice;
using sdk::HostEnd;
using sdk::Probe;
using sdk::VmDescription;
using sdk::VmProcesses;
using sdk::VmSink;
using sdk::VmSize;
using sdk::VmSource;

struct Event {
  std::uint32_t kind = 0; // NACRE_EVENT_*
  std::uint64_t operation = 0;
  std::uint64_t value = 0;
  std::string text;
  std::string device;
};

struct Events {
  std::vector<Event> list;
  bool ended = false; // the plugin will not say more
};

class Vm {
public:
  Vm(Vm&&) noexcept = default;
  Vm& operator=(Vm&& other) noexcept;
  ~Vm(); // the VM was stopped before, or never started

  const Plugin& plugin() const noexcept { return *plugin_; }

  std::uint64_t device_capabilities(std::uint32_t kind); // NACRE_DEV_* of NACRE_DEVICE_*
  AgentChannel channel();
  void start(const Limits& limits, VmDescription description, VmSource source = {});
  AgentChannel connect(const Limits& limits); // `fd` is set for NACRE_CHANNEL_FD
  void stop(const Limits& limits, bool graceful);
  void pause(const Limits& limits);
  void resume(const Limits& limits);
  GuestDevice add_device(const Limits& limits, Device device); // with its address
  // These return an operation id that ends by NACRE_EVENT_OPERATION_DONE; 0: it is done already.
  std::uint64_t remove_device(const Limits& limits, const std::string& id);
  std::uint64_t resize(const Limits& limits, VmSize size);
  std::uint64_t save(const Limits& limits, VmSink sink);
  void rebind_device(const Limits& limits, const std::string& id, HostEnd host_end);
  void grow_device(const Limits& limits, const std::string& id, std::uint64_t bytes);
  std::vector<GuestDevice> describe(const Limits& limits);
  VmProcesses processes();

  int events_fd();      // borrowed, alive as long as this; -1: none
  Events take_events(); // what has come; never blocks

private:
  friend class Hypervisor;
  Vm(const Plugin& plugin, std::unique_ptr<HostServices> host, nacre_vm* handle)
      : plugin_(&plugin), host_(std::move(host)), handle_(handle) {}
  const nacre_hypervisor_ops& ops() const noexcept {
    return *static_cast<const nacre_hypervisor_ops*>(plugin_->ops());
  }
  void destroy() noexcept;

  struct Release {
    void operator()(nacre_vm*) const noexcept {} // destroy() does it: it needs the plugin's table
  };
  const Plugin* plugin_;
  std::unique_ptr<HostServices> host_;
  std::unique_ptr<nacre_vm, Release> handle_;
};

class Hypervisor {
public:
  explicit Hypervisor(const Plugin& plugin); // of kind hypervisor
  const Plugin& plugin() const noexcept { return *plugin_; }

  // `options`: JSON object, the plugin's checked table. `environment` must outlive the VM.
  Probe probe(HostEnvironment& environment, const Limits& limits, const std::string& options) const;
  Vm create(HostEnvironment& environment, const Limits& limits, const std::string& options) const;

private:
  const Plugin* plugin_;
};

} // namespace nacre::plugin
