#include "sandbox/pod_network.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <linux/if_addr.h>
#include <net/if.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
plugin::Limits limits() {
  return plugin::Limits::within(60s);
}

std::string ip_text(const plugin::IpBytes& bytes, std::uint32_t family) {
  return {reinterpret_cast<const char*>(bytes.data()), family == 6 ? 16u : 4u};
}

std::string mac_text(const plugin::Mac& mac) {
  return {reinterpret_cast<const char*>(mac.data()), mac.size()};
}

void describe_address(const plugin::Address& address, agent_client::v1::Interface& interface) {
  auto& item = *interface.add_addresses();
  item.set_family(address.family);
  item.set_address(ip_text(address.address, address.family));
  item.set_prefix_length(address.prefix_length);
  item.set_scope(address.scope);
  // The address has been in use on the link: no need to look for duplicates before it works. What is a state
  // of the host's kernel (permanent, tentative, secondary) is none of the guest's.
  std::uint32_t flags = address.flags & (IFA_F_NOPREFIXROUTE | IFA_F_HOMEADDRESS);
  if (address.family == 6) flags |= IFA_F_NODAD;
  item.set_flags(flags);
}

void describe_route(const plugin::Route& route, const std::string& name, agent_client::v1::Network& network) {
  auto& item = *network.add_routes();
  item.set_family(route.family);
  if (route.destination_length > 0) item.set_destination(ip_text(route.destination, route.family));
  item.set_destination_length(route.destination_length);
  if (route.gateway) item.set_gateway(ip_text(*route.gateway, route.family));
  if (route.source) item.set_source(ip_text(*route.source, route.family));
  item.set_interface(name);
  item.set_metric(route.metric);
  item.set_scope(route.scope);
  item.set_type(route.type);
  item.set_protocol(route.protocol);
  item.set_flags(route.flags);
}

} // namespace

void describe_nic(const ScannedLink& link, const plugin::Binding& binding, const std::string& device_path,
                  agent_client::v1::Network& network) {
  auto& interface = *network.add_interfaces();
  interface.set_name(link.link.name);
  interface.set_mac(mac_text(binding.mac));
  interface.set_mtu(binding.mtu != 0 ? binding.mtu : link.link.mtu);
  interface.set_up((link.link.flags & IFF_UP) != 0);
  interface.set_flags(link.link.flags & IFF_NOARP);
  interface.set_device_path(device_path);
  for (const auto& address : binding.own_addresses ? binding.addresses : link.link.addresses)
    describe_address(address, interface);
  for (const auto& route : binding.own_addresses ? binding.routes : link.link.routes)
    describe_route(route, link.link.name, network);
  for (const auto& neighbor : link.neighbors) {
    auto& item = *network.add_neighbors();
    item.set_family(neighbor.family);
    item.set_address(ip_text(neighbor.address, neighbor.family));
    item.set_mac(mac_text(neighbor.mac));
    item.set_interface(link.link.name);
    item.set_state(neighbor.state);
  }
}

PodNetwork::PodNetwork(std::list<plugin::Network>& networks, UniqueFd netns, PodVm& vm)
    : networks_(networks), netns_(std::move(netns)), vm_(vm) {}

PodNetwork::~PodNetwork() {
  release();
}

plugin::Network* PodNetwork::claim(const plugin::Link& link) {
  bool none_is_fine = false;
  for (auto& network : networks_) {
    if (network.claim(link)) return &network;
    none_is_fine = none_is_fine || network.plugin().has(NACRE_NET_NO_LINKS);
  }
  if (none_is_fine) return nullptr;
  throw Error(ErrorCode::failed_precondition, "give the VM a NIC for link", link.name)
      .because("no network plugin takes a link of kind \"" + link.kind + "\"")
      .hint("add one that does to `network` in configuration.toml");
}

PodNetwork::Nic* PodNetwork::open(const ScannedLink& link) {
  plugin::Network* network = claim(link.link);
  if (!network) return nullptr;
  plugin::EndpointRequest request;
  request.netns_fd = netns_.get();
  request.index = next_index_++;
  request.id = "net" + std::to_string(request.index);
  request.mac = link.link.mac;
  request.mtu = link.link.mtu;
  request.vhost = ::access("/dev/vhost-net", R_OK | W_OK) == 0;
  nics_.push_back({link, request.id, "", "", network->open_endpoint(limits(), request), {}});
  Nic& nic = nics_.back();
  nic.host_ifname = nic.endpoint.device.host.ifname;
  try {
    nic.binding = nic.endpoint.bind(limits(), link.link, netns_.get());
  } catch (...) {
    nics_.pop_back();
    throw;
  }
  return &nic;
}

std::vector<plugin::Device> PodNetwork::open_present() {
  const std::lock_guard lock(mutex_);
  std::vector<plugin::Device> devices;
  if (!netns_) return devices;
  for (const auto& link : scan_netns(netns_.get()))
    if (Nic* nic = open(link)) devices.push_back(std::move(nic->endpoint.device));
  return devices;
}

bool PodNetwork::follow(bool can_hot_add) {
  const std::lock_guard lock(mutex_);
  if (!netns_) return false;
  bool changed = false;
  const auto links = scan_netns(netns_.get());
  const auto present = [&](const Nic& nic) {
    return std::any_of(links.begin(), links.end(),
                       [&](const ScannedLink& link) { return link.link.index == nic.link.link.index; });
  };
  for (auto nic = nics_.begin(); nic != nics_.end();) {
    if (present(*nic)) {
      ++nic;
      continue;
    }
    vm_.remove_device(nic->device_id);
    close(*nic);
    nic = nics_.erase(nic);
    changed = true;
  }
  for (const auto& link : links) {
    const bool ours = std::any_of(nics_.begin(), nics_.end(),
                                  [&](const Nic& nic) { return nic.host_ifname == link.link.name; });
    if (ours) continue;
    const auto known = std::find_if(nics_.begin(), nics_.end(),
                                    [&](const Nic& nic) { return nic.link.link.index == link.link.index; });
    if (known != nics_.end()) {
      changed = changed || !(known->link == link);
      known->link = link;
      continue;
    }
    Nic* nic = open(link);
    if (!nic) continue;
    if (!can_hot_add)
      throw Error(ErrorCode::failed_precondition, "give the VM a NIC for link", link.link.name)
          .because("it came after the VM had started, and hypervisor " + vm_.plugin().name() +
                   " cannot add NICs then");
    nic->address = vm_.add_device(std::move(nic->endpoint.device));
    changed = true;
  }
  return changed;
}

agent_client::v1::Network PodNetwork::for_guest() {
  const std::lock_guard lock(mutex_);
  agent_client::v1::Network network;
  for (const auto& nic : nics_)
    describe_nic(nic.link, nic.binding, nic.address, network);
  return network;
}

void PodNetwork::close(Nic& nic) noexcept {
  try {
    nic.endpoint.unbind(limits());
  } catch (const std::exception&) {
    // the journal has what could not be undone
  }
}

void PodNetwork::release() noexcept {
  const std::lock_guard lock(mutex_);
  while (!nics_.empty()) {
    close(nics_.back());
    nics_.pop_back();
  }
}

} // namespace nacre::sandbox
