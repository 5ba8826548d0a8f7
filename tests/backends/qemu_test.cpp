// The .so on a real QEMU with a real kernel: console, QMP, devices, end.
#include "guest.hpp"
#include "test_host.hpp"

#include <nacre/sdk/hypervisor.hpp>

#include <catch.hpp>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

namespace {

using namespace nacre;
using sdk::Arena;
using sdk::Fd;

nacre_call within(int seconds) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return {sizeof(nacre_call), -1, static_cast<std::uint64_t>(now.tv_sec + seconds) * 1'000'000'000u};
}

// A handle of the plugin; the caller's side of the table.
class Vm {
public:
  explicit Vm(test::TestHost& host, std::string_view options = "{}")
      : ops_(*static_cast<const nacre_hypervisor_ops*>(test::load_plugin("hypervisor", "qemu").ops)) {
    const auto call = within(60);
    require(ops_.create(host.raw(), &call, options.data(), options.size(), &vm_, error()));
  }
  ~Vm() { ops_.destroy(vm_); }

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

sdk::VmDescription small_machine(Console& console, std::string init_mode) {
  sdk::VmDescription vm;
  vm.id = "test";
  vm.memory_bytes = vm.memory_max_bytes = 256u << 20;
  vm.kernel = test::guest_kernel();
  vm.initrd = test::guest_initrd();
  vm.kernel_params = "test.mode=" + init_mode;
  vm.console = std::move(console.writing);
  return vm;
}

} // namespace

TEST_CASE("a machine boots, speaks on its console and its channel, and ends", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  Vm vm(host);
  auto description = small_machine(console, "wait");
  description.vcpus = description.vcpus_max = 2;
  const int result = vm.start(std::move(description));
  INFO(vm.why());
  REQUIRE(result == 0);
  const bool up = console.await("GUEST-UP");
  INFO(console.text);
  REQUIRE(up);
  const auto processes = vm.processes();
  REQUIRE(processes.pids.size() == 1);
  REQUIRE(processes.vcpu_tids.size() == 2);
  CHECK(::access(
            ("/proc/" + std::to_string(processes.pids[0]) + "/task/" + std::to_string(processes.vcpu_tids[1]))
                .c_str(),
            F_OK) == 0);

  const Fd channel = vm.connect();
  vm.pause();
  vm.resume();
  vm.stop(false);
  CHECK(vm.event(NACRE_EVENT_VM_EXITED).value == 0);
  CHECK(vm.events_ended());
  CHECK(host.reap(processes.pids[0]) == 0);
  char byte;
  CHECK(::read(channel.get(), &byte, 1) == 0);
  vm.stop(false); // again: nothing happens
}

TEST_CASE("a guest that resets ends its machine", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  Vm vm(host);
  REQUIRE(vm.start(small_machine(console, "reset")) == 0);
  CHECK(vm.event(NACRE_EVENT_GUEST_RESET).kind == NACRE_EVENT_GUEST_RESET);
  CHECK(vm.event(NACRE_EVENT_VM_EXITED).value == 0);
}

TEST_CASE("a QEMU that is killed is reported with its status", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  Vm vm(host);
  REQUIRE(vm.start(small_machine(console, "wait")) == 0);
  ::kill(vm.processes().pids[0], SIGKILL);
  CHECK(WTERMSIG(static_cast<int>(vm.event(NACRE_EVENT_VM_EXITED).value)) == SIGKILL);
}

TEST_CASE("a QEMU that cannot start says its exit status and leaves its words", "[qemu]") {
  test::TestHost host;
  Console console;
  Vm vm(host);
  auto description = small_machine(console, "wait");
  description.kernel = "/nonexistent/vmlinux";
  description.initrd = "/nonexistent/initrd";
  CHECK(vm.start(std::move(description)) == -NACRE_E_UNAVAILABLE);
  CHECK(vm.why().find("exit status 1") != std::string::npos);
}

TEST_CASE("disks come and go while the guest runs", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  Vm vm(host);
  REQUIRE(vm.start(small_machine(console, "wait")) == 0);
  REQUIRE(console.await("GUEST-UP"));
  const auto disk = [](const char* id) {
    sdk::Device device;
    device.guest.kind = NACRE_DEVICE_BLOCK;
    device.guest.id = id;
    device.guest.tag = "serial-1";
    device.host.kind = NACRE_END_FDS;
    Fd file(::memfd_create("disk", MFD_CLOEXEC));
    REQUIRE(::ftruncate(file.get(), 1 << 20) == 0);
    device.host.fds.push_back(std::move(file));
    return device;
  };
  std::string address;
  const int added = vm.add(disk("1disk"), address);
  INFO(vm.why());
  REQUIRE(added == 0);
  CHECK(address == "01/01");
  CHECK(vm.add(disk("1disk"), address) == -NACRE_E_ALREADY_EXISTS);
  CHECK(vm.device_ids() == std::vector<std::string>{"1disk"});
  REQUIRE(console.await("PCI-ADDED"));
  const auto operation = vm.remove("1disk");
  std::string gone;
  vm.event(NACRE_EVENT_DEVICE_REMOVED, &gone);
  CHECK(gone == "1disk");
  CHECK(vm.event(NACRE_EVENT_OPERATION_DONE).operation == operation);
  CHECK(vm.device_ids().empty());
  INFO(vm.why());
  CHECK(vm.add(disk("1disk"), address) == 0); // nothing of the first one is left in QEMU
  vm.stop(false);
}
