// A storage plugin, its pod-wide handle and its attachments, for the sandbox: C++ values in and out.
// Everything throws nacre::Error that names the plugin and the operation. Calls on one object must not be
// concurrent.
#pragma once

#include "plugin/host_services.hpp"
#include "plugin/limits.hpp"

#include <nacre/plugin/storage.h>
#include <nacre/sdk/host.hpp>
#include <nacre/sdk/mounts.hpp>

#include <memory>
#include <string>

namespace nacre::plugin {

using sdk::AttachResult;
using sdk::Claim;
using sdk::Device;
using sdk::DeviceNeeds;
using sdk::GuestMount;
using sdk::MountRequest;
using sdk::Probe;
using sdk::StoragePlan;
using sdk::StoragePod;

// One rootfs or mount. Must be detached, or go, before its Storage.
class Attachment {
public:
  Attachment(Attachment&&) noexcept = default;
  Attachment& operator=(Attachment&& other) noexcept;
  ~Attachment(); // detaches without a deadline if nobody did; a failure is left to the journal

  const Plugin& plugin() const noexcept { return *plugin_; }

  AttachResult result; // how it comes into the guest; move the device out

  void detach(const Limits& limits); // the handle ends, also when this throws

private:
  friend class Storage;
  Attachment(const Plugin& plugin, const HostServices* host, nacre_attachment* handle)
      : plugin_(&plugin), host_(host), handle_(handle) {}
  void detach_quietly() noexcept;
  struct Release {
    void operator()(nacre_attachment*) const noexcept {}
  };
  const Plugin* plugin_;
  const HostServices* host_; // the Storage's
  std::unique_ptr<nacre_attachment, Release> handle_;
};

class Storage {
public:
  // `options`: JSON object, the plugin's checked table. `environment` must outlive this.
  Storage(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
          const std::string& options);
  Storage(Storage&&) noexcept = default;
  Storage& operator=(Storage&& other) noexcept;
  ~Storage(); // all attachments went before

  static Probe probe(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                     const std::string& options);

  const Plugin& plugin() const noexcept { return *plugin_; }

  DeviceNeeds needs();
  Claim claim(const MountRequest& request); // `reason` says why not
  StoragePlan prepare(const Limits& limits, const StoragePod& pod);
  Attachment attach(const Limits& limits, const MountRequest& request);
  void release(const Limits& limits); // after the VM is gone

private:
  void destroy() noexcept;
  struct Release {
    void operator()(nacre_store*) const noexcept {}
  };
  const Plugin* plugin_;
  std::unique_ptr<HostServices> host_;
  std::unique_ptr<nacre_store, Release> handle_;
};

} // namespace nacre::plugin
