// A security plugin's handle for one pod, for the sandbox: C++ values in and out. Everything throws
// nacre::Error that names the plugin and the operation. Calls on one object must not be concurrent.
#pragma once

#include "plugin/host_services.hpp"
#include "plugin/limits.hpp"

#include <nacre/plugin/security.h>
#include <nacre/sdk/host.hpp>
#include <nacre/sdk/rules.hpp>

#include <memory>
#include <string>

namespace nacre::plugin {

using sdk::GuestRequest;
using sdk::GuestRules;
using sdk::Probe;
using sdk::ProcessRequest;
using sdk::ProcessRules;

class Security {
public:
  // `options`: JSON object, the plugin's checked table. `environment` must outlive this.
  Security(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
           const std::string& options);
  Security(Security&&) noexcept = default;
  Security& operator=(Security&& other) noexcept;
  ~Security();

  static Probe probe(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                     const std::string& options);

  const Plugin& plugin() const noexcept { return *plugin_; }

  ProcessRules confine(const Limits& limits, const ProcessRequest& request);
  // Throws what the user is to read when the plugin refuses the container or the exec.
  GuestRules guest_process(const Limits& limits, const GuestRequest& request);

private:
  void destroy() noexcept;
  struct Release {
    void operator()(nacre_guard*) const noexcept {}
  };
  const Plugin* plugin_;
  std::unique_ptr<HostServices> host_;
  std::unique_ptr<nacre_guard, Release> handle_;
};

} // namespace nacre::plugin
