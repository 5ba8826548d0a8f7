#include "plugin/network.hpp"

#include "plugin/operation.hpp"

namespace nacre::plugin {
namespace {

const nacre_network_ops& table(const Plugin& plugin) {
  return *static_cast<const nacre_network_ops*>(plugin.ops());
}

} // namespace

#define HAS(member) NACRE_HAS_FUNCTION(&table(*plugin_), nacre_network_ops, member)

Network::Network(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                 const std::string& options)
    : plugin_(&plugin), host_(std::make_unique<HostServices>(environment, plugin)) {
  if (plugin.kind() != Kind::network)
    throw Error(ErrorCode::invalid_argument, "use plugin", plugin.label()).because("it is no network plugin");
  handle_.reset(create_with<nacre_network_ops, nacre_net>(plugin, *host_, limits, options));
}

Network& Network::operator=(Network&& other) noexcept {
  if (this != &other) {
    destroy();
    plugin_ = other.plugin_;
    host_ = std::move(other.host_);
    handle_ = std::move(other.handle_);
  }
  return *this;
}

Network::~Network() {
  destroy();
}

void Network::destroy() noexcept {
  if (!handle_) return;
  const CurrentOperation current(plugin_->label().c_str(), "destroy the handle");
  table(*plugin_).destroy(handle_.release());
}

Probe Network::probe(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                     const std::string& options) {
  return probe_with<nacre_network_ops>(plugin, environment, limits, options);
}

DeviceNeeds Network::needs() {
  Operation operation(*plugin_, "ask for needed devices");
  DeviceNeeds needs;
  if (!HAS(needs)) return needs;
  operation.run([&](nacre_error* e) {
    return table(*plugin_).needs(handle_.get(), &needs.cold_kinds, &needs.hot_kinds, e);
  });
  return needs;
}

bool Network::claim(const Link& link) {
  Operation operation(*plugin_, "offer a link");
  operation.need(HAS(claim));
  sdk::Arena arena;
  std::uint32_t taken = 0;
  operation.run([&](nacre_error* e) {
    return table(*plugin_).claim(handle_.get(), sdk::to_c(link, arena), &taken, e);
  });
  return taken != 0;
}

Endpoint Network::open_endpoint(const Limits& limits, const EndpointRequest& request) {
  Operation operation(*plugin_, "open an endpoint", limits, host_.get());
  operation.need(HAS(open_endpoint));
  sdk::Arena arena;
  FdRoom fds;
  nacre_endpoint* handle = nullptr;
  auto raw = room<nacre_endpoint_result>();
  operation.run([&](nacre_error* e) {
    return table(*plugin_).open_endpoint(handle_.get(), operation.call(), sdk::to_c(request, arena), &handle,
                                         &raw, fds.raw(), e);
  });
  Endpoint endpoint(*plugin_, host_.get(), handle);
  sdk::ReceivedFds received = fds.take();
  endpoint.device = {sdk::from_c(raw.device), sdk::from_c(raw.host_end, received)};
  return endpoint;
}

Endpoint::~Endpoint() {
  close();
}

Endpoint& Endpoint::operator=(Endpoint&& other) noexcept {
  if (this != &other) {
    close();
    device = std::move(other.device);
    plugin_ = other.plugin_;
    host_ = other.host_;
    handle_ = std::move(other.handle_);
  }
  return *this;
}

void Endpoint::close() noexcept {
  if (!handle_ || !HAS(close_endpoint)) return;
  const CurrentOperation current(plugin_->label().c_str(), "close the endpoint");
  table(*plugin_).close_endpoint(handle_.release());
}

Binding Endpoint::bind(const Limits& limits, const Link& link, int netns_fd) {
  Operation operation(*plugin_, "bind the endpoint", limits, host_);
  operation.need(HAS(bind));
  sdk::Arena arena;
  auto raw = room<nacre_bind_result>();
  operation.run([&](nacre_error* e) {
    return table(*plugin_).bind(handle_.get(), operation.call(), sdk::to_c(link, arena), netns_fd, &raw, e);
  });
  return sdk::from_c(raw);
}

void Endpoint::unbind(const Limits& limits) {
  Operation operation(*plugin_, "unbind the endpoint", limits, host_);
  operation.need(HAS(unbind));
  operation.run([&](nacre_error* e) { return table(*plugin_).unbind(handle_.get(), operation.call(), e); });
}

nacre_endpoint_stats Endpoint::stats() {
  Operation operation(*plugin_, "count the endpoint's traffic", {}, host_);
  operation.need(HAS(stats));
  auto raw = room<nacre_endpoint_stats>();
  operation.run([&](nacre_error* e) { return table(*plugin_).stats(handle_.get(), &raw, e); });
  return raw;
}

#undef HAS

} // namespace nacre::plugin
