#include "plugin/hypervisor.hpp"

#include "plugin/operation.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace nacre::plugin {

#define HAS(member) NACRE_HAS_FUNCTION(&ops(), nacre_hypervisor_ops, member)

Hypervisor::Hypervisor(const Plugin& plugin) : plugin_(&plugin) {
  if (plugin.kind() != Kind::hypervisor)
    throw Error(ErrorCode::invalid_argument, "use plugin", plugin.label()).because("it is no hypervisor");
}

Probe Hypervisor::probe(HostEnvironment& environment, const Limits& limits,
                        const std::string& options) const {
  return probe_with<nacre_hypervisor_ops>(*plugin_, environment, limits, options);
}

Vm Hypervisor::create(HostEnvironment& environment, const Limits& limits, const std::string& options) const {
  auto host = std::make_unique<HostServices>(environment, *plugin_);
  auto* handle = create_with<nacre_hypervisor_ops, nacre_vm>(*plugin_, *host, limits, options);
  return Vm(*plugin_, std::move(host), handle);
}

Vm::~Vm() {
  destroy();
}

Vm& Vm::operator=(Vm&& other) noexcept {
  if (this != &other) {
    destroy();
    plugin_ = other.plugin_;
    host_ = std::move(other.host_);
    handle_ = std::move(other.handle_);
  }
  return *this;
}

void Vm::destroy() noexcept {
  if (!handle_) return;
  const CurrentOperation current(plugin_->label().c_str(), "destroy the handle");
  ops().destroy(handle_.release());
}

std::uint64_t Vm::device_capabilities(std::uint32_t kind) {
  Operation operation(*plugin_, "ask for device capabilities");
  operation.need(HAS(device_capabilities));
  std::uint64_t bits = 0;
  operation.run([&](nacre_error* e) { return ops().device_capabilities(handle_.get(), kind, &bits, e); });
  return bits;
}

AgentChannel Vm::channel() {
  Operation operation(*plugin_, "ask for the agent's channel");
  operation.need(HAS(channel));
  auto raw = room<nacre_agent_channel>();
  operation.run([&](nacre_error* e) { return ops().channel(handle_.get(), &raw, e); });
  return sdk::from_c(raw);
}

void Vm::start(const Limits& limits, VmDescription description, VmSource source) {
  Operation operation(*plugin_, "start the VM", limits, host_.get());
  operation.need(HAS(start));
  sdk::Arena arena;
  sdk::FdsToSend fds;
  const auto* raw_source = sdk::to_c(std::move(source), arena, fds);
  const auto* raw = sdk::to_c(std::move(description), arena, fds);
  operation.run([&](nacre_error* e) {
    return ops().start(handle_.get(), operation.call(), raw, raw_source, fds.hand_over(), e);
  });
}

AgentChannel Vm::connect(const Limits& limits) {
  Operation operation(*plugin_, "connect to the agent", limits, host_.get());
  operation.need(HAS(connect));
  auto raw = room<nacre_agent_channel>();
  FdRoom fds;
  operation.run(
      [&](nacre_error* e) { return ops().connect(handle_.get(), operation.call(), &raw, fds.raw(), e); });
  sdk::ReceivedFds received = fds.take();
  AgentChannel channel = sdk::from_c(raw);
  if (channel.kind == NACRE_CHANNEL_FD) {
    if (fds.raw()->count == 0)
      throw Error(ErrorCode::internal, "connect to the agent with plugin", plugin_->label())
          .because("it gave no descriptor");
    channel.fd = received.take(0);
  }
  return channel;
}

void Vm::stop(const Limits& limits, bool graceful) {
  Operation operation(*plugin_, "stop the VM", limits, host_.get());
  operation.need(HAS(stop));
  operation.run(
      [&](nacre_error* e) { return ops().stop(handle_.get(), operation.call(), graceful ? 1 : 0, e); });
}

void Vm::pause(const Limits& limits) {
  Operation operation(*plugin_, "pause the VM", limits, host_.get());
  operation.need(HAS(pause));
  operation.run([&](nacre_error* e) { return ops().pause(handle_.get(), operation.call(), e); });
}

void Vm::resume(const Limits& limits) {
  Operation operation(*plugin_, "resume the VM", limits, host_.get());
  operation.need(HAS(resume));
  operation.run([&](nacre_error* e) { return ops().resume(handle_.get(), operation.call(), e); });
}

GuestDevice Vm::add_device(const Limits& limits, Device device) {
  Operation operation(*plugin_, "add a device", limits, host_.get());
  operation.need(HAS(add_device));
  sdk::Arena arena;
  sdk::FdsToSend fds;
  const auto* guest = sdk::to_c(device.guest, arena);
  const auto* host_end = sdk::to_c(std::move(device.host), arena, fds);
  auto ret = room<nacre_guest_device>();
  operation.run([&](nacre_error* e) {
    return ops().add_device(handle_.get(), operation.call(), guest, host_end, fds.hand_over(), &ret, e);
  });
  return sdk::from_c(&ret);
}

std::uint64_t Vm::remove_device(const Limits& limits, const std::string& id) {
  Operation operation(*plugin_, "remove a device", limits, host_.get());
  operation.need(HAS(remove_device));
  std::uint64_t number = 0;
  operation.run([&](nacre_error* e) {
    return ops().remove_device(handle_.get(), operation.call(), id.data(), id.size(), &number, e);
  });
  return number;
}

std::uint64_t Vm::resize(const Limits& limits, VmSize size) {
  Operation operation(*plugin_, "resize the VM", limits, host_.get());
  operation.need(HAS(resize));
  const nacre_vm_size raw{sizeof raw, size.vcpus, size.memory_bytes};
  std::uint64_t number = 0;
  operation.run(
      [&](nacre_error* e) { return ops().resize(handle_.get(), operation.call(), &raw, &number, e); });
  return number;
}

std::uint64_t Vm::save(const Limits& limits, VmSink sink) {
  Operation operation(*plugin_, "save the VM", limits, host_.get());
  operation.need(HAS(save));
  sdk::Arena arena;
  sdk::FdsToSend fds;
  const auto* raw = sdk::to_c(std::move(sink), arena, fds);
  std::uint64_t number = 0;
  operation.run([&](nacre_error* e) {
    return ops().save(handle_.get(), operation.call(), raw, fds.hand_over(), &number, e);
  });
  return number;
}

void Vm::rebind_device(const Limits& limits, const std::string& id, HostEnd host_end) {
  Operation operation(*plugin_, "replace a device's host end", limits, host_.get());
  operation.need(HAS(rebind_device));
  sdk::Arena arena;
  sdk::FdsToSend fds;
  const auto* raw = sdk::to_c(std::move(host_end), arena, fds);
  operation.run([&](nacre_error* e) {
    return ops().rebind_device(handle_.get(), operation.call(), id.data(), id.size(), raw, fds.hand_over(),
                               e);
  });
}

void Vm::grow_device(const Limits& limits, const std::string& id, std::uint64_t bytes) {
  Operation operation(*plugin_, "grow a disk", limits, host_.get());
  operation.need(HAS(grow_device));
  operation.run([&](nacre_error* e) {
    return ops().grow_device(handle_.get(), operation.call(), id.data(), id.size(), bytes, e);
  });
}

std::vector<GuestDevice> Vm::describe(const Limits& limits) {
  Operation operation(*plugin_, "list the devices", limits, host_.get());
  operation.need(HAS(describe));
  auto raw = room<nacre_device_list>();
  operation.run([&](nacre_error* e) { return ops().describe(handle_.get(), operation.call(), &raw, e); });
  std::vector<GuestDevice> devices;
  for (std::uint32_t i = 0; i < raw.count; ++i)
    devices.push_back(sdk::from_c(raw.devices[i]));
  return devices;
}

VmProcesses Vm::processes() {
  Operation operation(*plugin_, "list the VM's processes");
  operation.need(HAS(processes));
  auto raw = room<nacre_vm_processes>();
  operation.run([&](nacre_error* e) { return ops().processes(handle_.get(), &raw, e); });
  return {{raw.pids, raw.pids + raw.count}, {raw.vcpu_tids, raw.vcpu_tids + raw.vcpu_count}};
}

int Vm::events_fd() {
  if (!HAS(events_fd)) return -1;
  const CurrentOperation current(plugin_->label().c_str(), "ask for events");
  return ops().events_fd(handle_.get());
}

Events Vm::take_events() {
  Events events;
  const int fd = events_fd();
  if (fd < 0) return events;
  std::array<char, 65536> packet;
  while (true) {
    const auto length = ::recv(fd, packet.data(), packet.size(), MSG_DONTWAIT);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) {
      events.ended = errno != EAGAIN && errno != EWOULDBLOCK;
      return events;
    }
    if (length == 0) {
      events.ended = true;
      return events;
    }
    nacre_event raw{};
    const auto size = static_cast<std::size_t>(length);
    if (size < 2 * sizeof(std::uint32_t)) continue;
    std::memcpy(&raw.struct_size, packet.data(), sizeof raw.struct_size);
    if (raw.struct_size > size) continue;
    const std::size_t head = raw.struct_size;
    std::memcpy(&raw, packet.data(), std::min(head, sizeof raw));
    const std::size_t text = std::min<std::size_t>(raw.text_len, size - head);
    const std::size_t device = std::min<std::size_t>(raw.device_len, size - head - text);
    events.list.push_back({raw.kind,
                           raw.operation,
                           raw.value,
                           {packet.data() + head, text},
                           {packet.data() + head + text, device}});
  }
}

#undef HAS

} // namespace nacre::plugin
