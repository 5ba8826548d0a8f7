// A network plugin as C++ classes: one object a pod, one Endpoint a NIC. <nacre/plugin/network.h> says what
// each operation must do.
//
//   class Mine : public nacre::sdk::Network {
//    public:
//     Mine(Host host, const Call& call, const Options& options);
//     bool claim(const Link& link) override;
//     std::unique_ptr<Endpoint> open_endpoint(const Call& call, const EndpointRequest& request) override;
//     static void undo(Host host, const Call& call, std::string_view record);         // when change() is
//     used
//   };
//   NACRE_PLUGIN_DEFINE(network, "mine", "1.0", "Apache-2.0", 0, 0, "[]", &nacre::sdk::network_table<Mine>);
#ifndef NACRE_SDK_NETWORK_HPP
#define NACRE_SDK_NETWORK_HPP

#include <nacre/sdk/handle.hpp>
#include <nacre/sdk/links.hpp>

namespace nacre::sdk {

// Destroyed after unbind().
class Endpoint {
public:
  Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  virtual ~Endpoint() = default;

  // The NIC; asked once, right after open_endpoint(). Its descriptors go to the hypervisor: duplicate what
  // you keep.
  virtual Device device() = 0;
  virtual Binding bind(const Call& call, const Link& link, int netns_fd) = 0;
  virtual void unbind(const Call& call) = 0;
  virtual nacre_endpoint_stats stats() { unsupported("count an endpoint's traffic"); }
};

class Network {
public:
  Network() = default;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  virtual ~Network() = default;

  virtual DeviceNeeds needs() { return {1u << NACRE_DEVICE_NET, 0}; }
  virtual bool claim(const Link& link) = 0;
  virtual std::unique_ptr<Endpoint> open_endpoint(const Call& call, const EndpointRequest& request) = 0;
};

struct EndpointHandle {
  std::unique_ptr<Endpoint> object;
  Arena arena;
  static EndpointHandle& of(nacre_endpoint* raw) { return *reinterpret_cast<EndpointHandle*>(raw); }
};

template <typename Plugin> struct NetworkTable : Handle<Plugin, nacre_net> {
  using H = Handle<Plugin, nacre_net>;
  using E = nacre_error;
  using C = nacre_call;

  static std::int32_t needs(nacre_net* net, std::uint64_t* cold, std::uint64_t* hot, E* error) noexcept {
    return guard(error, [&] {
      const DeviceNeeds needs = H::of(net).object.needs();
      *cold = needs.cold_kinds;
      *hot = needs.hot_kinds;
    });
  }
  static std::int32_t claim(nacre_net* net, const nacre_link* link, std::uint32_t* ret, E* error) noexcept {
    return guard(error, [&] { *ret = H::of(net).object.claim(from_c(link)) ? 1 : 0; });
  }
  static std::int32_t open_endpoint(nacre_net* net, const C* call, const nacre_endpoint_request* request,
                                    nacre_endpoint** ret, nacre_endpoint_result* ret_device,
                                    nacre_fds_out* out, E* error) noexcept {
    return guard(error, [&] {
      auto handle = std::make_unique<EndpointHandle>();
      handle->object = H::of(net).object.open_endpoint(Call(call), from_c(request));
      Device device = handle->object->device();
      FdsToSend fds;
      nacre_endpoint_result result{sizeof result, 0, to_c(device.guest, handle->arena), nullptr};
      result.host_end = to_c(std::move(device.host), handle->arena, fds);
      fds.hand_out(out);
      deliver(ret_device, result);
      *ret = reinterpret_cast<nacre_endpoint*>(handle.release());
    });
  }
  static std::int32_t bind(nacre_endpoint* endpoint, const C* call, const nacre_link* link,
                           std::int32_t netns_fd, nacre_bind_result* ret, E* error) noexcept {
    return guard(error, [&] {
      auto& handle = EndpointHandle::of(endpoint);
      const Binding binding = handle.object->bind(Call(call), from_c(link), netns_fd);
      handle.arena.clear();
      deliver(ret, to_c(binding, handle.arena));
    });
  }
  static std::int32_t unbind(nacre_endpoint* endpoint, const C* call, E* error) noexcept {
    return guard(error, [&] { EndpointHandle::of(endpoint).object->unbind(Call(call)); });
  }
  static void close_endpoint(nacre_endpoint* endpoint) noexcept { delete &EndpointHandle::of(endpoint); }
  static std::int32_t stats(nacre_endpoint* endpoint, nacre_endpoint_stats* ret, E* error) noexcept {
    return guard(error, [&] { deliver(ret, EndpointHandle::of(endpoint).object->stats()); });
  }
};

template <typename Plugin>
inline constexpr nacre_network_ops network_table = {
    sizeof(nacre_network_ops),
    0,
    NetworkTable<Plugin>::probe,
    NetworkTable<Plugin>::create,
    NetworkTable<Plugin>::destroy,
    NetworkTable<Plugin>::needs,
    NetworkTable<Plugin>::claim,
    NetworkTable<Plugin>::open_endpoint,
    NetworkTable<Plugin>::bind,
    NetworkTable<Plugin>::unbind,
    NetworkTable<Plugin>::close_endpoint,
    NetworkTable<Plugin>::stats,
    NetworkTable<Plugin>::undo,
};

} // namespace nacre::sdk

#endif
