// A network plugin, its pod-wide handle and its endpoints, for the sandbox: C++ values in and out. Everything
// throws nacre::Error that names the plugin and the operation. Calls on one object must not be concurrent.
#pragma once

#include "plugin/host_services.hpp"
#include "plugin/limits.hpp"

#include <nacre/plugin/network.h>
#include <nacre/sdk/host.hpp>
#include <nacre/sdk/links.hpp>

#include <memory>
#include <string>

namespace nacre::plugin {

using sdk::Address;
using sdk::Binding;
using sdk::Device;
using sdk::DeviceNeeds;
using sdk::EndpointRequest;
using sdk::IpBytes;
using sdk::Link;
using sdk::Mac;
using sdk::Probe;
using sdk::Route;

// One NIC. Must go before its Network.
class Endpoint {
public:
  Endpoint(Endpoint&&) noexcept = default;
  Endpoint& operator=(Endpoint&& other) noexcept;
  ~Endpoint(); // after unbind()

  const Plugin& plugin() const noexcept { return *plugin_; }

  Device device; // for the hypervisor, once: move it out

  Binding bind(const Limits& limits, const Link& link, int netns_fd);
  void unbind(const Limits& limits);
  nacre_endpoint_stats stats();

private:
  friend class Network;
  Endpoint(const Plugin& plugin, const HostServices* host, nacre_endpoint* handle)
      : plugin_(&plugin), host_(host), handle_(handle) {}
  void close() noexcept;
  struct Release {
    void operator()(nacre_endpoint*) const noexcept {}
  };
  const Plugin* plugin_;
  const HostServices* host_; // the Network's
  std::unique_ptr<nacre_endpoint, Release> handle_;
};

class Network {
public:
  // `options`: JSON object, the plugin's checked table. `environment` must outlive this.
  Network(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
          const std::string& options);
  Network(Network&&) noexcept = default;
  Network& operator=(Network&& other) noexcept;
  ~Network(); // all endpoints went before

  static Probe probe(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                     const std::string& options);

  const Plugin& plugin() const noexcept { return *plugin_; }

  DeviceNeeds needs();
  bool claim(const Link& link);
  Endpoint open_endpoint(const Limits& limits, const EndpointRequest& request);

private:
  void destroy() noexcept;
  struct Release {
    void operator()(nacre_net*) const noexcept {}
  };
  const Plugin* plugin_;
  std::unique_ptr<HostServices> host_;
  std::unique_ptr<nacre_net, Release> handle_;
};

} // namespace nacre::plugin
