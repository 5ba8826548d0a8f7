// A hypervisor plugin as a C++ class:
//
//   class Mine : public nacre::sdk::Hypervisor {
//    public:
//     Mine(Host host, const Call& call, const Options& options);   // no side effects on the host
//     static Probe probe(Host host, const Call& call, const Options& options);        // optional
//     static void undo(Host host, const Call& call, std::string_view record);         // when change() is
//     used
//     ...
//   };
//   NACRE_PLUGIN_DEFINE(hypervisor, "mine", "1.0", "Apache-2.0", 0, NACRE_HV_INITRD, "[]",
//                       &nacre::sdk::hypervisor_table<Mine>);
//
// Methods throw; the table turns what they throw into the caller's error. Calls on one object are never
// concurrent. <nacre/plugin/hypervisor.h> says what each operation must do.
#ifndef NACRE_SDK_HYPERVISOR_HPP
#define NACRE_SDK_HYPERVISOR_HPP

#include <nacre/sdk/handle.hpp>
#include <nacre/sdk/vm.hpp>

#include <sys/socket.h>
#include <sys/uio.h>

namespace nacre::sdk {

class Hypervisor {
public:
  Hypervisor() = default;
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;
  virtual ~Hypervisor() = default;

  virtual std::uint64_t device_capabilities(std::uint32_t kind) = 0;
  virtual AgentChannel channel() = 0;
  virtual void start(const Call& call, VmDescription description, VmSource source) = 0;
  virtual AgentChannel connect(const Call& call) = 0;
  virtual void stop(const Call& call, bool graceful) = 0;
  virtual void pause(const Call&) { unsupported("pause the VM"); }
  virtual void resume(const Call&) { unsupported("resume the VM"); }
  // Returns the address in the guest.
  virtual std::string add_device(const Call&, Device) { unsupported("add a device"); }
  // These three return an operation id that ends by NACRE_EVENT_OPERATION_DONE; 0: it is done already.
  virtual std::uint64_t remove_device(const Call&, const std::string&) { unsupported("remove a device"); }
  virtual std::uint64_t resize(const Call&, VmSize) { unsupported("resize the VM"); }
  virtual std::uint64_t save(const Call&, VmSink) { unsupported("save the VM"); }
  virtual void rebind_device(const Call&, const std::string&, HostEnd) {
    unsupported("replace a device's host end");
  }
  virtual void grow_device(const Call&, const std::string&, std::uint64_t) { unsupported("grow a disk"); }
  virtual std::vector<GuestDevice> describe(const Call& call) = 0;
  virtual VmProcesses processes() = 0;
  virtual int events_fd() { return -1; }
};

template <typename Plugin> struct HypervisorTable : Handle<Plugin, nacre_vm> {
  using H = Handle<Plugin, nacre_vm>;
  using E = nacre_error;
  using C = nacre_call;

  static std::int32_t device_capabilities(nacre_vm* vm, std::uint32_t kind, std::uint64_t* ret,
                                          E* error) noexcept {
    return guard(error, [&] { *ret = H::of(vm).object.device_capabilities(kind); });
  }
  static std::int32_t channel(nacre_vm* vm, nacre_agent_channel* ret, E* error) noexcept {
    return guard(error, [&] { answer_channel(H::of(vm), H::of(vm).object.channel(), ret, nullptr); });
  }
  static std::int32_t start(nacre_vm* vm, const C* call, const nacre_vm_description* description,
                            const nacre_vm_source* source, const nacre_fds* fds, E* error) noexcept {
    return guard(error, [&] {
      ReceivedFds received_fds(fds);
      VmSource from = from_c(source, received_fds);
      H::of(vm).object.start(Call(call), from_c(description, received_fds), std::move(from));
    });
  }
  static std::int32_t connect(nacre_vm* vm, const C* call, nacre_agent_channel* ret, nacre_fds_out* fds,
                              E* error) noexcept {
    return guard(error, [&] { answer_channel(H::of(vm), H::of(vm).object.connect(Call(call)), ret, fds); });
  }
  static std::int32_t stop(nacre_vm* vm, const C* call, std::uint32_t graceful, E* error) noexcept {
    return guard(error, [&] { H::of(vm).object.stop(Call(call), graceful != 0); });
  }
  static std::int32_t pause(nacre_vm* vm, const C* call, E* error) noexcept {
    return guard(error, [&] { H::of(vm).object.pause(Call(call)); });
  }
  static std::int32_t resume(nacre_vm* vm, const C* call, E* error) noexcept {
    return guard(error, [&] { H::of(vm).object.resume(Call(call)); });
  }
  static std::int32_t add_device(nacre_vm* vm, const C* call, const nacre_guest_device* device,
                                 const nacre_host_end* host_end, const nacre_fds* fds,
                                 nacre_guest_device* ret, E* error) noexcept {
    return guard(error, [&] {
      auto& handle = H::of(vm);
      ReceivedFds received_fds(fds);
      GuestDevice added = from_c(device);
      added.address = handle.object.add_device(Call(call), {added, from_c(host_end, received_fds)});
      handle.arena.clear();
      deliver(ret, *to_c(added, handle.arena));
    });
  }
  static std::int32_t remove_device(nacre_vm* vm, const C* call, const char* id, std::uint64_t length,
                                    std::uint64_t* ret, E* error) noexcept {
    return guard(error, [&] { *ret = H::of(vm).object.remove_device(Call(call), text_of(id, length)); });
  }
  static std::int32_t rebind_device(nacre_vm* vm, const C* call, const char* id, std::uint64_t length,
                                    const nacre_host_end* host_end, const nacre_fds* fds, E* error) noexcept {
    return guard(error, [&] {
      ReceivedFds received_fds(fds);
      H::of(vm).object.rebind_device(Call(call), text_of(id, length), from_c(host_end, received_fds));
    });
  }
  static std::int32_t grow_device(nacre_vm* vm, const C* call, const char* id, std::uint64_t length,
                                  std::uint64_t bytes, E* error) noexcept {
    return guard(error, [&] { H::of(vm).object.grow_device(Call(call), text_of(id, length), bytes); });
  }
  static std::int32_t describe(nacre_vm* vm, const C* call, nacre_device_list* ret, E* error) noexcept {
    return guard(error, [&] {
      auto& handle = H::of(vm);
      const std::vector<GuestDevice> devices = handle.object.describe(Call(call));
      handle.arena.clear();
      auto** first = handle.arena.template array<const nacre_guest_device*>(devices.size());
      for (std::size_t i = 0; i < devices.size(); ++i)
        first[i] = to_c(devices[i], handle.arena);
      deliver(ret, nacre_device_list{sizeof(nacre_device_list), static_cast<std::uint32_t>(devices.size()),
                                     first});
    });
  }
  static std::int32_t resize(nacre_vm* vm, const C* call, const nacre_vm_size* size, std::uint64_t* ret,
                             E* error) noexcept {
    return guard(error, [&] {
      const auto raw = received(size, "the VM's size");
      *ret = H::of(vm).object.resize(Call(call), {raw.vcpus, raw.memory_bytes});
    });
  }
  static std::int32_t save(nacre_vm* vm, const C* call, const nacre_vm_sink* sink, const nacre_fds* fds,
                           std::uint64_t* ret, E* error) noexcept {
    return guard(error, [&] {
      ReceivedFds received_fds(fds);
      *ret = H::of(vm).object.save(Call(call), from_c(sink, received_fds));
    });
  }
  static std::int32_t processes(nacre_vm* vm, nacre_vm_processes* ret, E* error) noexcept {
    return guard(error, [&] {
      auto& handle = H::of(vm);
      const VmProcesses found = handle.object.processes();
      handle.arena.clear();
      deliver(ret,
              nacre_vm_processes{sizeof(nacre_vm_processes), static_cast<std::uint32_t>(found.pids.size()),
                                 handle.arena.copy(found.pids), handle.arena.copy(found.vcpu_tids),
                                 static_cast<std::uint32_t>(found.vcpu_tids.size()), 0});
    });
  }
  static std::int32_t events_fd(nacre_vm* vm) noexcept {
    std::int32_t fd = -1;
    guard(nullptr, [&] { fd = H::of(vm).object.events_fd(); });
    return fd;
  }

private:
  static void answer_channel(H& handle, AgentChannel channel, nacre_agent_channel* ret, nacre_fds_out* out) {
    handle.arena.clear();
    FdsToSend fds;
    const auto* raw = to_c(std::move(channel), handle.arena, fds);
    if (out != nullptr) fds.hand_out(out);
    deliver(ret, *raw);
  }
};

template <typename Plugin>
inline constexpr nacre_hypervisor_ops hypervisor_table = {
    sizeof(nacre_hypervisor_ops),           0,
    HypervisorTable<Plugin>::probe,         HypervisorTable<Plugin>::create,
    HypervisorTable<Plugin>::destroy,       HypervisorTable<Plugin>::device_capabilities,
    HypervisorTable<Plugin>::channel,       HypervisorTable<Plugin>::start,
    HypervisorTable<Plugin>::connect,       HypervisorTable<Plugin>::stop,
    HypervisorTable<Plugin>::pause,         HypervisorTable<Plugin>::resume,
    HypervisorTable<Plugin>::add_device,    HypervisorTable<Plugin>::remove_device,
    HypervisorTable<Plugin>::rebind_device, HypervisorTable<Plugin>::describe,
    HypervisorTable<Plugin>::resize,        HypervisorTable<Plugin>::save,
    HypervisorTable<Plugin>::processes,     HypervisorTable<Plugin>::events_fd,
    HypervisorTable<Plugin>::undo,          HypervisorTable<Plugin>::grow_device,
};

// Events for the core: keep one, return fd() from events_fd(). send() may be called on any one thread at a
// time.
class EventSender {
public:
  EventSender();
  int fd() const noexcept { return reader_.get(); }
  void send(std::uint32_t kind, std::uint64_t value = 0, std::string_view text = {},
            std::string_view device = {}, std::uint64_t operation = 0) noexcept;
  void close() noexcept { writer_.reset(); } // nothing more will be said

private:
  Fd reader_, writer_;
};

inline EventSender::EventSender() {
  int pair[2];
  check_errno(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "make the events socket");
  reader_ = Fd(pair[0]);
  writer_ = Fd(pair[1]);
}

inline void EventSender::send(std::uint32_t kind, std::uint64_t value, std::string_view text,
                              std::string_view device, std::uint64_t operation) noexcept {
  text = text.substr(0, 16384);
  nacre_event event{sizeof event,
                    kind,
                    operation,
                    value,
                    static_cast<std::uint32_t>(text.size()),
                    static_cast<std::uint32_t>(device.size())};
  iovec parts[3] = {{&event, sizeof event},
                    {const_cast<char*>(text.data()), text.size()},
                    {const_cast<char*>(device.data()), device.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 3;
  // A reader that does not read must not hang the plugin: the kernel's buffer holds hundreds of events.
  while (::sendmsg(writer_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR) {
  }
}

} // namespace nacre::sdk

#endif
