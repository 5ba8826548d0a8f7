// The caller's side of a hypervisor plugin's table, and the small machine that the tests start.
#pragma once

#include "guest.hpp"
#include "test_host.hpp"

#include <nacre/sdk/hypervisor.hpp>

#include <catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

namespace nacre::test {

using sdk::Arena;
using sdk::Fd;

inline nacre_call within(int seconds) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return {sizeof(nacre_call), -1, static_cast<std::uint64_t>(now.tv_sec + seconds) * 1'000'000'000u};
}

class HypervisorHandle {
public:
  explicit HypervisorHandle(TestHost& host, const std::string& plugin = "qemu", std::string options = "{}")
      : ops_(*static_cast<const nacre_hypervisor_ops*>(load_plugin("hypervisor", plugin).ops)) {
    const auto call = within(60);
    require(ops_.create(host.raw(), &call, options.data(), options.size(), &vm_, error()));
  }
  ~HypervisorHandle() { ops_.destroy(vm_); }

  int start(sdk::VmDescription description) {
    Arena arena;
    sdk::FdsToSend fds;
    const auto call = within(60);
    const auto* raw = sdk::to_c(std::move(description), arena, fds);
    const auto* source = sdk::to_c(sdk::VmSource{}, arena, fds);
    return ops_.start(vm_, &call, raw, source, fds.hand_over(), error());
  }
  Fd connect() {
    int fd = -1;
    nacre_fds_out out{sizeof out, 1, &fd, 0, 0};
    nacre_agent_channel channel{};
    channel.struct_size = sizeof channel;
    const auto call = within(10);
    require(ops_.connect(vm_, &call, &channel, &out, error()));
    REQUIRE(channel.kind == NACRE_CHANNEL_FD);
    REQUIRE(out.count == 1);
    return Fd(fd);
  }
  void stop(bool graceful) {
    const auto call = within(30);
    require(ops_.stop(vm_, &call, graceful, error()));
  }
  sdk::VmProcesses processes() {
    nacre_vm_processes raw{};
    raw.struct_size = sizeof raw;
    require(ops_.processes(vm_, &raw, error()));
    return {{raw.pids, raw.pids + raw.count}, {raw.vcpu_tids, raw.vcpu_tids + raw.vcpu_count}};
  }
  int add(sdk::Device device, std::string& address) {
    Arena arena;
    sdk::FdsToSend fds;
    nacre_guest_device ret{};
    ret.struct_size = sizeof ret;
    const auto call = within(30);
    const auto* guest = sdk::to_c(device.guest, arena);
    const auto* end = sdk::to_c(std::move(device.host), arena, fds);
    const int result = ops_.add_device(vm_, &call, guest, end, fds.hand_over(), &ret, error());
    if (result == 0) address = NACRE_SDK_GET(ret, address);
    return result;
  }
  std::uint64_t remove(const std::string& id) {
    std::uint64_t operation = 0;
    const auto call = within(30);
    require(ops_.remove_device(vm_, &call, id.data(), id.size(), &operation, error()));
    return operation;
  }
  std::vector<std::string> device_ids() {
    nacre_device_list list{};
    list.struct_size = sizeof list;
    const auto call = within(10);
    require(ops_.describe(vm_, &call, &list, error()));
    std::vector<std::string> ids;
    for (std::uint32_t i = 0; i < list.count; ++i)
      ids.push_back(NACRE_SDK_GET(*list.devices[i], id));
    return ids;
  }
  sdk::AgentChannel channel() {
    nacre_agent_channel raw{};
    raw.struct_size = sizeof raw;
    require(ops_.channel(vm_, &raw, error()));
    return sdk::from_c(raw);
  }
  void pause() {
    const auto call = within(10);
    require(ops_.pause(vm_, &call, error()));
  }
  void resume() {
    const auto call = within(10);
    require(ops_.resume(vm_, &call, error()));
  }
  // The next event of the kind; others are skipped.
  nacre_event event(std::uint32_t kind, std::string* device = nullptr) {
    while (true) {
      pollfd set{ops_.events_fd(vm_), POLLIN, 0};
      REQUIRE(::poll(&set, 1, 60000) == 1);
      char buffer[sizeof(nacre_event) + 32768];
      const ssize_t count = ::recv(set.fd, buffer, sizeof buffer, 0);
      REQUIRE(count >= static_cast<ssize_t>(sizeof(nacre_event)));
      nacre_event event;
      std::memcpy(&event, buffer, sizeof event);
      if (event.kind != kind) continue;
      if (device) device->assign(buffer + sizeof event + event.text_len, event.device_len);
      return event;
    }
  }
  bool events_ended() {
    char byte;
    return ::recv(ops_.events_fd(vm_), &byte, 1, 0) == 0;
  }
  std::string why() const { return error_.what; }

private:
  nacre_error* error() {
    error_ = {};
    error_.struct_size = sizeof error_;
    return &error_;
  }
  void require(int result) {
    INFO(error_.what);
    REQUIRE(result == 0);
  }

  const nacre_hypervisor_ops& ops_;
  nacre_vm* vm_ = nullptr;
  nacre_error error_{};
};

struct Console {
  Fd reading, writing;
  std::string text;
  Console() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    reading = Fd(ends[0]);
    writing = Fd(ends[1]);
  }
  // Reads until `words` have come or the console's end.
  bool await(const std::string& words) {
    while (text.find(words) == text.npos) {
      pollfd set{reading.get(), POLLIN, 0};
      char buffer[4096];
      if (::poll(&set, 1, 60000) != 1) return false;
      const ssize_t count = ::read(reading.get(), buffer, sizeof buffer);
      if (count <= 0) return false;
      text.append(buffer, static_cast<std::size_t>(count));
    }
    return true;
  }
};

inline sdk::VmDescription small_machine(Console& console, std::string init_mode) {
  sdk::VmDescription vm;
  vm.id = "test";
  vm.memory_bytes = vm.memory_max_bytes = 256u << 20;
  vm.kernel = guest_kernel();
  vm.initrd = guest_initrd();
  vm.kernel_params = "test.mode=" + init_mode;
  vm.console = std::move(console.writing);
  return vm;
}

// A disk of 1 MiB in memory.
inline sdk::Device memory_disk(const std::string& id) {
  sdk::Device device;
  device.guest.kind = NACRE_DEVICE_BLOCK;
  device.guest.id = id;
  device.guest.tag = "serial-1";
  device.host.kind = NACRE_END_FDS;
  Fd file(::memfd_create("disk", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), 1 << 20) == 0);
  device.host.fds.push_back(std::move(file));
  return device;
}

} // namespace nacre::test
