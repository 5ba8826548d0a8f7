// The links of the pod's network namespace as NICs of the VM, and what the guest must know of them.
#pragma once

#include "agent_client/agent_client.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "plugin/network.hpp"
#include "sandbox/netns_scan.hpp"
#include "sandbox/pod_vm.hpp"

#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace nacre::sandbox {

class PodNetwork {
public:
  enum class Scope {
    links, // a NIC for each link, which is the guest's alone
    whole, // others live in the namespace: one NIC for all of it, by a plugin that can (shares_namespaces())
  };
  // `netns`: the pod's; empty when the pod has none of its own: then the guest has its loopback only.
  PodNetwork(std::list<plugin::Network>& networks, UniqueFd netns, PodVm& vm, Scope scope = Scope::links);
  ~PodNetwork();

  int netns_fd() const noexcept { return netns_.get(); }

  // Carries the complete network to the guest; throws when it cannot.
  using Tell = std::function<void(const agent_client::v1::Network&)>;
  // One link could not be served.
  using Problem = std::function<void(const Error&)>;

  // Before the VM starts: NICs for the links that are there now, bound.
  std::vector<plugin::Device> open_present();
  // The same for a VM that gets no NIC and can be added none: one to be bound to the first link that comes.
  // Empty when no network plugin can do that.
  std::vector<plugin::Device> open_spare();
  bool has_nics();
  // The VM runs: NICs for links that came since, no more NICs for those that went, and the guest is told when
  // there is something to tell. `can_hot_add`: what the plan says; without it a new link has the spare NIC,
  // or is refused in words. `tell`: empty while no guest answers; the next call makes up for it. `problem`:
  // called once for a link and the others are served; empty: the first one is thrown. Does nothing after
  // release(). From any thread: what the guest is told, it is told in order.
  void follow(bool can_hot_add, const Tell& tell, const Problem& problem = {});

  // Addresses, routes and neighbours as the guest is to have them, complete; it counts as told.
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
    bool was_spare = false; // its MAC in the guest is not yet the link's
  };
  struct Spare {
    std::string device_id;
    std::string host_ifname;
    plugin::Endpoint endpoint;
  };
  std::vector<ScannedLink> scan() const;
  plugin::Network* claim(const plugin::Link& link);
  Nic* open(const ScannedLink& link); // null: no plugin wants it and one says that this is fine
  // For the link that it will be bound to; one without a number: it is not there yet.
  plugin::Endpoint open_endpoint(plugin::Network& network, const plugin::Link& link);
  Nic* bind(const ScannedLink& link, plugin::Endpoint endpoint, const std::string& device_id);
  void add(const ScannedLink& link);
  void add_to_spare(const ScannedLink& link);
  void drop_gone(const std::vector<ScannedLink>& links, const Problem& problem);
  bool is_our_end(const std::string& name) const;
  agent_client::v1::Network describe();
  void close(Nic& nic) noexcept;

  std::list<plugin::Network>& networks_;
  UniqueFd netns_;
  PodVm& vm_;
  const Scope scope_;
  std::mutex mutex_; // guards all below, and the order of what the guest is told
  std::list<Nic> nics_;
  std::vector<Spare> spares_;
  std::set<std::string> retired_ends_;    // of NICs that are gone for us, until the guest lets the device go
  std::set<std::uint32_t> refused_links_; // indices of links that could not be served, while they exist
  bool untold_ = false;
  bool released_ = false;
  std::uint32_t next_index_ = 0;
};

// One of them serves a namespace as a whole, without touching its links.
bool shares_namespaces(const std::list<plugin::Network>& networks);

// One NIC's part of the guest's network; also for tests.
void describe_nic(const ScannedLink& link, const plugin::Binding& binding, const std::string& device_path,
                  agent_client::v1::Network& network);

} // namespace nacre::sandbox
