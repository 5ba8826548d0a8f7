#include "sandbox/pod_network.hpp"

#include "base/error.hpp"
#include "sandbox/whole_namespace.hpp"

#include <algorithm>
#include <linux/if_addr.h>
#include <map>
#include <net/if.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
plugin::Limits limits() {
  return plugin::Limits::within(60s);
}

constexpr std::string_view own_suffix = "_nacre"; // of links that plugins make (nacre/plugin/network.h)

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

bool shares_namespaces(const std::list<plugin::Network>& networks) {
  return std::any_of(networks.begin(), networks.end(),
                     [](const plugin::Network& one) { return one.plugin().has(NACRE_NET_WHOLE_NAMESPACE); });
}

PodNetwork::PodNetwork(std::list<plugin::Network>& networks, UniqueFd netns, PodVm& vm, Scope scope)
    : networks_(networks), netns_(std::move(netns)), vm_(vm), scope_(scope) {}

PodNetwork::~PodNetwork() {
  release();
}

std::vector<ScannedLink> PodNetwork::scan() const {
  auto links = scan_netns(netns_.get());
  return scope_ == Scope::whole ? as_one_link(std::move(links)) : links;
}

plugin::Network* PodNetwork::claim(const plugin::Link& link) {
  bool none_is_fine = false;
  for (auto& network : networks_) {
    if (network.plugin().has(NACRE_NET_WHOLE_NAMESPACE) != (scope_ == Scope::whole)) continue;
    if (network.claim(link)) return &network;
    none_is_fine = none_is_fine || network.plugin().has(NACRE_NET_NO_LINKS);
  }
  if (none_is_fine) return nullptr;
  throw Error(ErrorCode::failed_precondition, "give the VM a NIC for link", link.name)
      .because("no network plugin takes a link of kind \"" + link.kind + "\"")
      .hint("add one that does to `network` in configuration.toml");
}

plugin::Endpoint PodNetwork::open_endpoint(plugin::Network& network, const plugin::Link& link) {
  plugin::EndpointRequest request;
  request.netns_fd = netns_.get();
  request.index = next_index_++;
  request.id = "net" + std::to_string(request.index);
  request.mac = link.mac;
  request.mtu = link.mtu;
  request.link_index = link.index;
  request.vhost = ::access("/dev/vhost-net", R_OK | W_OK) == 0;
  auto endpoint = network.open_endpoint(limits(), request);
  // The agent sets the MTU. A NIC that was told one by its device can never have a larger
  // (virtio 1.2, 5.1.4), though the link may get one.
  endpoint.device.guest.mtu = 0;
  return endpoint;
}

PodNetwork::Nic* PodNetwork::bind(const ScannedLink& link, plugin::Endpoint endpoint,
                                  const std::string& device_id) {
  nics_.push_back({link, device_id, "", endpoint.device.host.ifname, std::move(endpoint), {}});
  Nic& nic = nics_.back();
  try {
    nic.binding = nic.endpoint.bind(limits(), link.link, netns_.get());
  } catch (...) {
    nics_.pop_back();
    throw;
  }
  if (nic.binding.mtu == link.link.mtu) nic.binding.mtu = 0; // as the link has it, now and later
  return &nic;
}

PodNetwork::Nic* PodNetwork::open(const ScannedLink& link) {
  plugin::Network* network = claim(link.link);
  if (!network) return nullptr;
  auto endpoint = open_endpoint(*network, link.link);
  const std::string id = endpoint.device.guest.id;
  return bind(link, std::move(endpoint), id);
}

bool PodNetwork::has_nics() {
  const std::lock_guard lock(mutex_);
  return !nics_.empty();
}

std::vector<plugin::Device> PodNetwork::open_spare() {
  plugin::Link unbound;
  unbound.mac = {0x02, 'n', 'a', 'c', 'r', 'e'}; // never seen on a link
  const std::lock_guard lock(mutex_);
  std::vector<plugin::Device> devices;
  const auto network = std::find_if(networks_.begin(), networks_.end(), [](const plugin::Network& one) {
    return one.plugin().has(NACRE_NET_LATE_BIND);
  });
  if (!netns_ || network == networks_.end()) return devices;
  auto endpoint = open_endpoint(*network, unbound);
  auto device = std::move(endpoint.device);
  spares_.push_back({device.guest.id, device.host.ifname, std::move(endpoint)});
  devices.push_back(std::move(device));
  return devices;
}

std::vector<plugin::Device> PodNetwork::open_present() {
  const std::lock_guard lock(mutex_);
  std::vector<plugin::Device> devices;
  if (!netns_) return devices;
  for (const auto& link : scan()) {
    if (!link.in_use() || is_our_end(link.link.name)) continue;
    if (Nic* nic = open(link)) devices.push_back(std::move(nic->endpoint.device));
  }
  return devices;
}

bool PodNetwork::is_our_end(const std::string& name) const {
  return name.ends_with(own_suffix) || retired_ends_.contains(name) ||
         std::any_of(spares_.begin(), spares_.end(),
                     [&](const Spare& spare) { return spare.host_ifname == name; }) ||
         std::any_of(nics_.begin(), nics_.end(),
                     [&](const Nic& nic) { return !nic.host_ifname.empty() && nic.host_ifname == name; });
}

// A NIC's MAC is for its life: a link with another one is another link.
void PodNetwork::drop_gone(const std::vector<ScannedLink>& links, const Problem& problem) {
  const auto has = [&](auto&& wanted) { return std::any_of(links.begin(), links.end(), wanted); };
  std::erase_if(retired_ends_, [&](const std::string& name) {
    return !has([&](const ScannedLink& link) { return link.link.name == name; });
  });
  std::erase_if(refused_links_, [&](std::uint32_t index) {
    return !has([&](const ScannedLink& link) { return link.link.index == index; });
  });
  for (auto nic = nics_.begin(); nic != nics_.end();) {
    if (has([&](const ScannedLink& link) {
          return link.link.index == nic->link.link.index && link.link.mac == nic->link.link.mac;
        })) {
      ++nic;
      continue;
    }
    untold_ = true;
    retired_ends_.insert(nic->host_ifname);
    try {
      vm_.remove_device(nic->device_id);
    } catch (const Error& error) {
      if (problem) problem(error); // the guest is told all the same, and sets the link down
    }
    close(*nic);
    nic = nics_.erase(nic);
  }
}

void PodNetwork::add(const ScannedLink& link) {
  Nic* nic = open(link);
  if (!nic) return;
  try {
    nic->address = vm_.add_device(std::move(nic->endpoint.device));
  } catch (...) {
    close(*nic);
    nics_.pop_back();
    throw;
  }
  untold_ = true;
}

void PodNetwork::add_to_spare(const ScannedLink& link) {
  const plugin::Network* network = claim(link.link);
  if (!network) return;
  const auto spare = std::find_if(spares_.begin(), spares_.end(), [&](const Spare& one) {
    return &one.endpoint.plugin() == &network->plugin();
  });
  if (spare == spares_.end())
    throw Error(ErrorCode::failed_precondition, "give the VM a NIC for link", link.link.name)
        .because("it came after the VM had started, and " + vm_.plugin().label() +
                 ", as it is configured, adds no NICs then")
        .hint("connect networks before the container is created, or choose a hypervisor or machine_type that "
              "does");
  Spare taken = std::move(*spare);
  spares_.erase(spare);
  Nic* nic = bind(link, std::move(taken.endpoint), taken.device_id);
  nic->host_ifname = taken.host_ifname;
  nic->was_spare = untold_ = true;
}

void PodNetwork::follow(bool can_hot_add, const Tell& tell, const Problem& problem) {
  const std::lock_guard lock(mutex_);
  if (!netns_ || released_) return;
  const auto links = scan();
  if (scope_ == Scope::whole && links.empty()) return; // until there is a way out again
  drop_gone(links, problem);
  for (const auto& link : links) {
    if (is_our_end(link.link.name)) continue;
    // Whoever starts a container without its network must learn it, though the log has it already.
    if ((problem || can_hot_add) && refused_links_.contains(link.link.index)) continue;
    const auto known = std::find_if(nics_.begin(), nics_.end(),
                                    [&](const Nic& nic) { return nic.link.link.index == link.link.index; });
    if (known != nics_.end()) {
      untold_ = untold_ || !(known->link == link);
      known->link = link;
      continue;
    }
    if (!link.in_use()) continue;
    try {
      if (can_hot_add)
        add(link);
      else
        add_to_spare(link);
    } catch (const Error& error) {
      if (!problem) throw;
      refused_links_.insert(link.link.index);
      problem(error);
    }
  }
  if (!untold_ || !tell) return;
  tell(describe());
  untold_ = false;
}

agent_client::v1::Network PodNetwork::for_guest() {
  const std::lock_guard lock(mutex_);
  untold_ = false;
  return describe();
}

agent_client::v1::Network PodNetwork::describe() {
  agent_client::v1::Network network;
  std::map<std::string, std::string> addresses; // of those that were there at the boot
  for (auto& nic : nics_) {
    if (nic.address.empty()) {
      if (addresses.empty()) addresses = vm_.addresses();
      nic.address = addresses[nic.device_id];
    }
    describe_nic(nic.link, nic.binding, nic.address, network);
    if (nic.was_spare) network.mutable_interfaces()->rbegin()->set_assign_mac(true);
  }
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
  released_ = true;
  while (!nics_.empty()) {
    close(nics_.back());
    nics_.pop_back();
  }
  spares_.clear();
}

} // namespace nacre::sandbox
