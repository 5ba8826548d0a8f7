// What a hypervisor plugin is given and what it answers, as C++ values; see <nacre/plugin/hypervisor.h> for
// each field's meaning.
#ifndef NACRE_SDK_VM_HPP
#define NACRE_SDK_VM_HPP

#include <nacre/sdk/device.hpp>

namespace nacre::sdk {

// struct nacre_vm_description
struct VmDescription {
  std::string id{};
  std::uint32_t ram_backing = NACRE_RAM_ANONYMOUS;
  std::string ram_path{};
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_max_bytes = 0;
  std::uint32_t vcpus = 1;
  std::uint32_t vcpus_max = 1;
  std::string kernel{};
  std::string initrd{};
  std::string image{};
  std::string kernel_params{};
  std::vector<Device> devices{};
  Fd console{}; // gets the guest's console output
  bool debug = false;
};

// struct nacre_vm_source
struct VmSource {
  std::uint32_t kind = NACRE_START_COLD;
  std::string path{};
  Fd fd{};
};

// struct nacre_vm_sink
struct VmSink {
  std::uint32_t mode = NACRE_SAVE_SNAPSHOT;
  std::string path{};
  Fd fd{};
};

// struct nacre_agent_channel; `fd` only in the answer to connect() with NACRE_CHANNEL_FD.
struct AgentChannel {
  std::uint32_t kind = NACRE_CHANNEL_FD;
  std::uint64_t cid = 0;
  std::uint32_t port = 0;
  std::string path{};
  std::string kernel_params{};
  Fd fd{};
};

// struct nacre_vm_processes
struct VmProcesses {
  std::vector<std::int32_t> pids{}; // the VMM first
  std::vector<std::int32_t> vcpu_tids{};
};

// struct nacre_vm_size
struct VmSize {
  std::uint32_t vcpus = 0;
  std::uint64_t memory_bytes = 0;
};

inline const nacre_vm_description* to_c(VmDescription vm, Arena& arena, FdsToSend& fds) {
  auto* raw = arena.make<nacre_vm_description>();
  raw->ram_backing = vm.ram_backing;
  NACRE_SDK_SET(arena, raw, id, vm.id);
  raw->memory_bytes = vm.memory_bytes;
  raw->memory_max_bytes = vm.memory_max_bytes;
  raw->vcpus = vm.vcpus;
  raw->vcpus_max = vm.vcpus_max;
  NACRE_SDK_SET(arena, raw, ram_path, vm.ram_path);
  NACRE_SDK_SET(arena, raw, kernel, vm.kernel);
  NACRE_SDK_SET(arena, raw, initrd, vm.initrd);
  NACRE_SDK_SET(arena, raw, image, vm.image);
  NACRE_SDK_SET(arena, raw, kernel_params, vm.kernel_params);
  const std::size_t count = vm.devices.size();
  auto** devices = arena.array<const nacre_guest_device*>(count);
  auto** ends = arena.array<const nacre_host_end*>(count);
  for (std::size_t i = 0; i < count; ++i) {
    devices[i] = to_c(vm.devices[i].guest, arena);
    ends[i] = to_c(std::move(vm.devices[i].host), arena, fds);
  }
  raw->devices = devices;
  raw->host_ends = ends;
  raw->device_count = static_cast<std::uint32_t>(count);
  raw->console_fd = fds.add(std::move(vm.console));
  raw->debug = vm.debug ? 1 : 0;
  return raw;
}

inline VmDescription from_c(const nacre_vm_description* pointer, ReceivedFds& fds) {
  const auto raw = received(pointer, "the VM's description");
  VmDescription vm;
  vm.ram_backing = raw.ram_backing;
  vm.id = NACRE_SDK_GET(raw, id);
  vm.memory_bytes = raw.memory_bytes;
  vm.memory_max_bytes = raw.memory_max_bytes;
  vm.vcpus = raw.vcpus;
  vm.vcpus_max = raw.vcpus_max;
  vm.ram_path = NACRE_SDK_GET(raw, ram_path);
  vm.kernel = NACRE_SDK_GET(raw, kernel);
  vm.initrd = NACRE_SDK_GET(raw, initrd);
  vm.image = NACRE_SDK_GET(raw, image);
  vm.kernel_params = NACRE_SDK_GET(raw, kernel_params);
  for (std::uint32_t i = 0; i < raw.device_count; ++i)
    vm.devices.push_back({from_c(raw.devices[i]), from_c(raw.host_ends[i], fds)});
  if (raw.console_fd >= 0) vm.console = fds.take(static_cast<std::uint32_t>(raw.console_fd));
  vm.debug = raw.debug != 0;
  return vm;
}

inline const nacre_vm_source* to_c(VmSource source, Arena& arena, FdsToSend& fds) {
  auto* raw = arena.make<nacre_vm_source>();
  raw->kind = source.kind;
  NACRE_SDK_SET(arena, raw, path, source.path);
  raw->fd = fds.add(std::move(source.fd));
  return raw;
}

inline VmSource from_c(const nacre_vm_source* pointer, ReceivedFds& fds) {
  const auto raw = received(pointer, "the VM's source");
  VmSource source{raw.kind, NACRE_SDK_GET(raw, path), {}};
  if (raw.fd >= 0 && raw.kind == NACRE_START_INCOMING)
    source.fd = fds.take(static_cast<std::uint32_t>(raw.fd));
  return source;
}

inline const nacre_vm_sink* to_c(VmSink sink, Arena& arena, FdsToSend& fds) {
  auto* raw = arena.make<nacre_vm_sink>();
  raw->mode = sink.mode;
  NACRE_SDK_SET(arena, raw, path, sink.path);
  raw->fd = fds.add(std::move(sink.fd));
  return raw;
}

inline VmSink from_c(const nacre_vm_sink* pointer, ReceivedFds& fds) {
  const auto raw = received(pointer, "where the VM is saved");
  VmSink sink{raw.mode, NACRE_SDK_GET(raw, path), {}};
  if (raw.fd >= 0 && raw.mode == NACRE_SAVE_OUTGOING) sink.fd = fds.take(static_cast<std::uint32_t>(raw.fd));
  return sink;
}

inline const nacre_agent_channel* to_c(AgentChannel channel, Arena& arena, FdsToSend& fds) {
  auto* raw = arena.make<nacre_agent_channel>();
  raw->kind = channel.kind;
  raw->cid = channel.cid;
  raw->port = channel.port;
  NACRE_SDK_SET(arena, raw, path, channel.path);
  NACRE_SDK_SET(arena, raw, kernel_params, channel.kernel_params);
  fds.add(std::move(channel.fd));
  return raw;
}

inline AgentChannel from_c(const nacre_agent_channel& raw) {
  AgentChannel channel;
  channel.kind = raw.kind;
  channel.cid = raw.cid;
  channel.port = raw.port;
  channel.path = NACRE_SDK_GET(raw, path);
  channel.kernel_params = NACRE_SDK_GET(raw, kernel_params);
  return channel;
}

} // namespace nacre::sdk

#endif
