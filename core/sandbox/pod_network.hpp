// The links of the pod's network namespace as NICs of the VM, and what the guest must know of them.
#pragma once

#include "agent_client/agent_client.hpp"
#include "base/unique_fd.hpp"
#include "plugin/network.hpp"
#include "sandbox/netns_scan.hpp"
#include "sandbox/pod_vm.hpp"

#include <list>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::sandbox {

class PodNetwork {
public:
  // `netns`: the pod's; empty when the pod has none of its own: then the guest has its loopback only.
  PodNetwork(std::list<plugin::Network>& networks, UniqueFd netns, PodVm& vm);
  ~PodNetwork();

  int netns_fd() const noexcept { return netns_.get(); }

  // Before the VM starts: NICs for the links that are there now, bound.
  std::vector<plugin::Device> open_present();
  // The VM runs: NICs for links that came since, and no more NICs for those that went. True when the guest
  // must be told. `can_hot_add`: what the plan says; a new link is refused in words without it.
  bool follow(bool can_hot_add);

  // Addresses, routes and neighbours as the guest is to have them, complete.
  agent_client::v1::Network for_guest();

  // Everything as it was before. After the VM is gone. Never throws: what cannot be undone stays in the
  // journal.
  void release() noexcept;

private:
  struct Nic {
    ScannedLink link;
    std::string device_id;
    std::string address;     // in the guest; "" while unknown
    std::string host_ifname; // of our own end in the namespace, which is no link for the guest
    plugin::Endpoint endpoint;
    plugin::Binding binding;
  };
  plugin::Network* claim(const plugin::Link& link);
  Nic* open(const ScannedLink& link); // null: no plugin wants it and one says that this is fine
  void close(Nic& nic) noexcept;

  std::list<plugin::Network>& networks_;
  UniqueFd netns_;
  PodVm& vm_;
  std::mutex mutex_;
  std::list<Nic> nics_;
  std::uint32_t next_index_ = 0;
};

// One NIC's part of the guest's network; also for tests.
void describe_nic(const ScannedLink& link, const plugin::Binding& binding, const std::string& device_path,
                  agent_client::v1::Network& network);

} // namespace nacre::sandbox
