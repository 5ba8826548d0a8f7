// Devices of a VM as C++ values, and their way over the boundary. The same types serve both sides.
#ifndef NACRE_SDK_DEVICE_HPP
#define NACRE_SDK_DEVICE_HPP

#include <nacre/plugin/hypervisor.h>
#include <nacre/sdk/boundary.hpp>

#include <array>
#include <string>
#include <vector>

namespace nacre::sdk {

using Mac = std::array<std::uint8_t, 6>;

inline void set_mac(std::uint8_t* to, const Mac& mac) {
  std::copy(mac.begin(), mac.end(), to);
}
inline Mac mac_of(const std::uint8_t* from) {
  Mac mac;
  std::copy(from, from + mac.size(), mac.begin());
  return mac;
}

// struct nacre_guest_device
struct GuestDevice {
  std::uint32_t kind = 0; // NACRE_DEVICE_*
  std::string id{};
  std::string address{}; // filled by the hypervisor
  std::string tag{};
  std::string options{}; // JSON object, or ""
  Mac mac{};
  bool read_only = false;
  std::uint32_t mtu = 0;
  std::uint32_t queues = 1;
};

// struct nacre_host_end; owns its descriptors.
struct HostEnd {
  std::uint32_t kind = NACRE_END_NONE;
  std::string path{};          // PATH, SOCKET, PCI
  std::vector<Fd> fds{};       // FDS, STREAM
  std::vector<Fd> vhost_fds{}; // NET: none, or one a queue
  std::string ifname{};
};

struct Device {
  GuestDevice guest{};
  HostEnd host{};
};

// needs()'s answer of storage and network: bit k stands for device kind k.
struct DeviceNeeds {
  std::uint64_t cold_kinds = 0; // must be there before the VM boots, or can be
  std::uint64_t hot_kinds = 0;  // must be added to a running VM
};

inline const nacre_guest_device* to_c(const GuestDevice& device, Arena& arena) {
  auto* raw = arena.make<nacre_guest_device>();
  raw->kind = device.kind;
  NACRE_SDK_SET(arena, raw, id, device.id);
  NACRE_SDK_SET(arena, raw, address, device.address);
  NACRE_SDK_SET(arena, raw, tag, device.tag);
  NACRE_SDK_SET(arena, raw, options, device.options);
  set_mac(raw->mac, device.mac);
  raw->read_only = device.read_only ? 1 : 0;
  raw->mtu = device.mtu;
  raw->queues = device.queues;
  return raw;
}

inline GuestDevice from_c(const nacre_guest_device* pointer) {
  const auto raw = received(pointer, "a device");
  GuestDevice device;
  device.kind = raw.kind;
  device.id = NACRE_SDK_GET(raw, id);
  device.address = NACRE_SDK_GET(raw, address);
  device.tag = NACRE_SDK_GET(raw, tag);
  device.options = NACRE_SDK_GET(raw, options);
  device.mac = mac_of(raw.mac);
  device.read_only = raw.read_only != 0;
  device.mtu = raw.mtu;
  device.queues = raw.queues == 0 ? 1 : raw.queues;
  return device;
}

inline const nacre_host_end* to_c(HostEnd end, Arena& arena, FdsToSend& fds) {
  auto* raw = arena.make<nacre_host_end>();
  raw->kind = end.kind;
  NACRE_SDK_SET(arena, raw, path, end.path);
  NACRE_SDK_SET(arena, raw, ifname, end.ifname);
  raw->fd_count = static_cast<std::uint32_t>(end.fds.size());
  raw->first_fd = fds.add(std::move(end.fds));
  raw->vhost_fd_count = static_cast<std::uint32_t>(end.vhost_fds.size());
  raw->first_vhost_fd = fds.add(std::move(end.vhost_fds));
  return raw;
}

inline HostEnd from_c(const nacre_host_end* pointer, ReceivedFds& fds) {
  const auto raw = received(pointer, "a device's host end");
  HostEnd end;
  end.kind = raw.kind;
  end.path = NACRE_SDK_GET(raw, path);
  end.ifname = NACRE_SDK_GET(raw, ifname);
  end.fds = fds.take(raw.first_fd, raw.fd_count);
  end.vhost_fds = fds.take(raw.first_vhost_fd, raw.vhost_fd_count);
  return end;
}

} // namespace nacre::sdk

#endif
