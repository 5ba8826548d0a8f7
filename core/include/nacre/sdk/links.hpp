// What a network plugin is given and what it answers, as C++ values; see <nacre/plugin/network.h> for each
// field's meaning.
#ifndef NACRE_SDK_LINKS_HPP
#define NACRE_SDK_LINKS_HPP

#include <nacre/plugin/network.h>
#include <nacre/sdk/device.hpp>

#include <optional>

namespace nacre::sdk {

using IpBytes = std::array<std::uint8_t, 16>; // network order; the first 4 for family 4

// struct nacre_address
struct Address {
  std::uint32_t family = 4; // 4 or 6
  IpBytes address{};
  std::uint32_t prefix_length = 0;
  std::uint32_t scope = 0;
  std::uint32_t flags = 0;
};

// struct nacre_route
struct Route {
  std::uint32_t family = 4;
  IpBytes destination{};
  std::uint32_t destination_length = 0;
  std::optional<IpBytes> gateway{};
  std::optional<IpBytes> source{};
  std::uint32_t metric = 0;
  std::uint32_t scope = 0;
  std::uint32_t type = 0;
  std::uint32_t protocol = 0;
  std::uint32_t flags = 0;
};

// struct nacre_link
struct Link {
  std::uint32_t index = 0;
  std::string name{};
  std::string kind{};
  std::string pci_address{};
  Mac mac{};
  std::uint32_t mtu = 0;
  std::uint32_t flags = 0;
  std::uint32_t hardware_type = 0;
  std::vector<Address> addresses{};
  std::vector<Route> routes{};
};

// struct nacre_endpoint_request
struct EndpointRequest {
  int netns_fd = -1; // borrowed
  std::string id{};
  std::uint32_t index = 0;
  std::uint32_t queues = 1;
  Mac mac{};
  std::uint32_t mtu = 0;
  bool vhost = false;
  std::uint32_t link_index = 0; // 0: not known yet
};

// struct nacre_bind_result
struct Binding {
  bool own_addresses = false;
  Mac mac{};
  std::uint32_t mtu = 0;
  std::vector<Address> addresses{};
  std::vector<Route> routes{};
};

inline void copy_ip(std::uint8_t* to, const IpBytes& from) {
  std::copy(from.begin(), from.end(), to);
}
inline IpBytes ip_of(const std::uint8_t* from) {
  IpBytes ip;
  std::copy(from, from + ip.size(), ip.begin());
  return ip;
}

inline const nacre_address* to_c(const Address& address, Arena& arena) {
  auto* raw = arena.make<nacre_address>();
  raw->family = address.family;
  copy_ip(raw->address, address.address);
  raw->prefix_length = address.prefix_length;
  raw->scope = address.scope;
  raw->flags = address.flags;
  return raw;
}

inline Address from_c(const nacre_address* pointer) {
  const auto raw = received(pointer, "an address");
  return {raw.family, ip_of(raw.address), raw.prefix_length, raw.scope, raw.flags};
}

inline const nacre_route* to_c(const Route& route, Arena& arena) {
  auto* raw = arena.make<nacre_route>();
  raw->family = route.family;
  copy_ip(raw->destination, route.destination);
  raw->destination_length = route.destination_length;
  if (route.gateway) copy_ip(raw->gateway, *route.gateway);
  raw->has_gateway = route.gateway ? 1 : 0;
  if (route.source) copy_ip(raw->source, *route.source);
  raw->has_source = route.source ? 1 : 0;
  raw->metric = route.metric;
  raw->scope = route.scope;
  raw->type = route.type;
  raw->protocol = route.protocol;
  raw->flags = route.flags;
  return raw;
}

inline Route from_c(const nacre_route* pointer) {
  const auto raw = received(pointer, "a route");
  Route route;
  route.family = raw.family;
  route.destination = ip_of(raw.destination);
  route.destination_length = raw.destination_length;
  if (raw.has_gateway) route.gateway = ip_of(raw.gateway);
  if (raw.has_source) route.source = ip_of(raw.source);
  route.metric = raw.metric;
  route.scope = raw.scope;
  route.type = raw.type;
  route.protocol = raw.protocol;
  route.flags = raw.flags;
  return route;
}

// Arrays of pointers, as the boundary wants them.
template <typename Raw, typename Value>
const Raw* const* pointers_to(const std::vector<Value>& values, Arena& arena) {
  auto** first = arena.array<const Raw*>(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    first[i] = to_c(values[i], arena);
  return first;
}
template <typename Value, typename Raw>
std::vector<Value> values_of(const Raw* const* first, std::uint32_t count) {
  std::vector<Value> values;
  for (std::uint32_t i = 0; i < count; ++i)
    values.push_back(from_c(first[i]));
  return values;
}

inline const nacre_link* to_c(const Link& link, Arena& arena) {
  auto* raw = arena.make<nacre_link>();
  raw->index = link.index;
  NACRE_SDK_SET(arena, raw, name, link.name);
  NACRE_SDK_SET(arena, raw, kind, link.kind);
  NACRE_SDK_SET(arena, raw, pci_address, link.pci_address);
  set_mac(raw->mac, link.mac);
  raw->mtu = link.mtu;
  raw->flags = link.flags;
  raw->hardware_type = link.hardware_type;
  raw->address_count = static_cast<std::uint32_t>(link.addresses.size());
  raw->route_count = static_cast<std::uint32_t>(link.routes.size());
  raw->addresses = pointers_to<nacre_address>(link.addresses, arena);
  raw->routes = pointers_to<nacre_route>(link.routes, arena);
  return raw;
}

inline Link from_c(const nacre_link* pointer) {
  const auto raw = received(pointer, "a link");
  Link link;
  link.index = raw.index;
  link.name = NACRE_SDK_GET(raw, name);
  link.kind = NACRE_SDK_GET(raw, kind);
  link.pci_address = NACRE_SDK_GET(raw, pci_address);
  link.mac = mac_of(raw.mac);
  link.mtu = raw.mtu;
  link.flags = raw.flags;
  link.hardware_type = raw.hardware_type;
  link.addresses = values_of<Address>(raw.addresses, raw.address_count);
  link.routes = values_of<Route>(raw.routes, raw.route_count);
  return link;
}

inline const nacre_endpoint_request* to_c(const EndpointRequest& request, Arena& arena) {
  auto* raw = arena.make<nacre_endpoint_request>();
  raw->netns_fd = request.netns_fd;
  NACRE_SDK_SET(arena, raw, id, request.id);
  raw->index = request.index;
  raw->queues = request.queues;
  set_mac(raw->mac, request.mac);
  raw->mtu = request.mtu;
  raw->vhost = request.vhost ? 1 : 0;
  raw->link_index = request.link_index;
  return raw;
}

inline EndpointRequest from_c(const nacre_endpoint_request* pointer) {
  const auto raw = received(pointer, "an endpoint's request");
  EndpointRequest request;
  request.netns_fd = raw.netns_fd;
  request.id = NACRE_SDK_GET(raw, id);
  request.index = raw.index;
  request.queues = raw.queues == 0 ? 1 : raw.queues;
  request.mac = mac_of(raw.mac);
  request.mtu = raw.mtu;
  request.vhost = raw.vhost != 0;
  request.link_index = raw.link_index;
  return request;
}

inline nacre_bind_result to_c(const Binding& binding, Arena& arena) {
  nacre_bind_result raw{};
  raw.struct_size = sizeof raw;
  raw.own_addresses = binding.own_addresses ? 1 : 0;
  set_mac(raw.mac, binding.mac);
  raw.mtu = binding.mtu;
  raw.address_count = static_cast<std::uint32_t>(binding.addresses.size());
  raw.route_count = static_cast<std::uint32_t>(binding.routes.size());
  raw.addresses = pointers_to<nacre_address>(binding.addresses, arena);
  raw.routes = pointers_to<nacre_route>(binding.routes, arena);
  return raw;
}

inline Binding from_c(const nacre_bind_result& raw) {
  Binding binding;
  binding.own_addresses = raw.own_addresses != 0;
  binding.mac = mac_of(raw.mac);
  binding.mtu = raw.mtu;
  binding.addresses = values_of<Address>(raw.addresses, raw.address_count);
  binding.routes = values_of<Route>(raw.routes, raw.route_count);
  return binding;
}

} // namespace nacre::sdk

#endif
