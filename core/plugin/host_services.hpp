// The host's side of <nacre/plugin/host_api.h> for one plugin handle.
#pragma once

#include "plugin/host_environment.hpp"
#include "plugin/loader.hpp"

#include <nacre/plugin/host_api.h>
#include <nacre/sdk/boundary.hpp>

#include <mutex>
#include <vector>

namespace nacre::plugin {

class HostServices {
public:
  // `environment` must outlive this.
  HostServices(HostEnvironment& environment, const Plugin& plugin);
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  const nacre_host* raw() const noexcept { return &raw_; }
  void warn(std::string_view text) const noexcept; // to the log, in the plugin's name

private:
  struct Entries; // the C functions
  SpawnRequest request(const nacre_spawn* plan, sdk::ReceivedFds& received, const nacre_fds* fds) const;

  HostEnvironment* environment_;
  const Plugin* plugin_;
  nacre_host raw_{};
  std::mutex mutex_;
  std::vector<UniqueFd> pidfds_; // lent to the plugin until its handle goes
};

} // namespace nacre::plugin
