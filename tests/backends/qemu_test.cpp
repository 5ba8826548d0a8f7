// The .so on a real QEMU with a real kernel: console, QMP, devices, end.
#include "hypervisor_handle.hpp"

#include <csignal>
#include <sys/wait.h>

namespace {

using namespace nacre;
using sdk::Fd;
using test::Console, test::HypervisorHandle, test::memory_disk, test::small_machine;

} // namespace

TEST_CASE("a machine boots, speaks on its console and its channel, and ends", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  HypervisorHandle vm(host, "qemu", R"({"use_vsock":false})");
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

TEST_CASE("the agent is reached by vsock where the host has it", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  HypervisorHandle vm(host);
  const bool has_vsock = ::access("/dev/vhost-vsock", R_OK | W_OK) == 0;
  CHECK(vm.channel().kind == (has_vsock ? NACRE_CHANNEL_VSOCK : NACRE_CHANNEL_FD));
  CHECK(vm.channel().kernel_params == (has_vsock ? "nacre.channel=vsock" : "nacre.channel=serial"));
  const int started = vm.start(small_machine(console, "wait"));
  INFO(vm.why());
  REQUIRE(started == 0);
  if (has_vsock) {
    CHECK(vm.channel().cid > 2);
    CHECK(vm.channel().port == 1024);
  }
}

TEST_CASE("a guest that resets ends its machine", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  HypervisorHandle vm(host, "qemu", R"({"use_vsock":false})");
  REQUIRE(vm.start(small_machine(console, "reset")) == 0);
  CHECK(vm.event(NACRE_EVENT_GUEST_RESET).kind == NACRE_EVENT_GUEST_RESET);
  CHECK(vm.event(NACRE_EVENT_VM_EXITED).value == 0);
}

TEST_CASE("a QEMU that is killed is reported with its status", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  HypervisorHandle vm(host, "qemu", R"({"use_vsock":false})");
  REQUIRE(vm.start(small_machine(console, "wait")) == 0);
  ::kill(vm.processes().pids[0], SIGKILL);
  CHECK(WTERMSIG(static_cast<int>(vm.event(NACRE_EVENT_VM_EXITED).value)) == SIGKILL);
}

TEST_CASE("a QEMU that cannot start is named", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  HypervisorHandle vm(host, "qemu", R"({"use_vsock":false,"machine_accelerators":"flying=on"})");
  CHECK(vm.start(small_machine(console, "wait")) == -NACRE_E_UNAVAILABLE);
  CHECK(vm.why().find("QEMU \"/usr/bin/qemu-system-x86_64\" ended while it started") != std::string::npos);
}

TEST_CASE("a kernel that is not there is named before QEMU is started", "[qemu]") {
  test::TestHost host;
  Console console;
  HypervisorHandle vm(host, "qemu", R"({"use_vsock":false})");
  auto description = small_machine(console, "wait");
  description.kernel = "/nonexistent/vmlinux";
  CHECK(vm.start(std::move(description)) == -NACRE_E_NOT_FOUND);
  CHECK(vm.why().find("open kernel \"/nonexistent/vmlinux\"") != std::string::npos);
}

TEST_CASE("microvm boots, and takes nothing while it runs", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  HypervisorHandle vm(host, "qemu", R"({"use_vsock":false,"machine_type":"microvm"})");
  REQUIRE(vm.start(small_machine(console, "wait")) == 0);
  const bool up = console.await("GUEST-UP");
  INFO(console.text);
  REQUIRE(up);
  std::string address;
  CHECK(vm.add(memory_disk("1disk"), address) == -NACRE_E_UNSUPPORTED);
  CHECK(vm.why().find("cannot be added while the guest runs") != std::string::npos);
  vm.stop(false);
  CHECK(vm.event(NACRE_EVENT_VM_EXITED).value == 0);
}

TEST_CASE("disks come and go while the guest runs", "[qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  Console console;
  HypervisorHandle vm(host, "qemu", R"({"use_vsock":false})");
  REQUIRE(vm.start(small_machine(console, "wait")) == 0);
  REQUIRE(console.await("GUEST-UP"));
  std::string address;
  const int added = vm.add(memory_disk("1disk"), address);
  INFO(vm.why());
  REQUIRE(added == 0);
  CHECK(address == "01/01");
  CHECK(vm.add(memory_disk("1disk"), address) == -NACRE_E_ALREADY_EXISTS);
  CHECK(vm.device_ids() == std::vector<std::string>{"1disk"});
  REQUIRE(console.await("PCI-ADDED"));
  const auto operation = vm.remove("1disk");
  std::string gone;
  vm.event(NACRE_EVENT_DEVICE_REMOVED, &gone);
  CHECK(gone == "1disk");
  CHECK(vm.event(NACRE_EVENT_OPERATION_DONE).operation == operation);
  CHECK(vm.device_ids().empty());
  INFO(vm.why());
  CHECK(vm.add(memory_disk("1disk"), address) == 0); // nothing of the first one is left in QEMU
  vm.stop(false);
}
