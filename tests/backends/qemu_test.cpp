// The .so on a real QEMU with a real kernel: console, QMP, devices, end.
#include "hypervisor_handle.hpp"

#include <csignal>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

namespace {

using namespace nacre;
using sdk::Fd;
using test::Console, test::HypervisorHandle, test::memory_disk, test::small_machine;

// A tap of the host, which goes with its descriptor, and beside it a descriptor that is no vhost-net.
sdk::Device nic_with_wrong_vhost() {
  sdk::Device nic;
  nic.guest.kind = NACRE_DEVICE_NET;
  nic.guest.id = "nic";
  nic.guest.mac = {2, 0, 0, 0, 0, 1};
  nic.host.kind = NACRE_END_FDS;
  Fd tap(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  REQUIRE(::ioctl(tap.get(), TUNSETIFF, &request) == 0);
  nic.host.fds.push_back(std::move(tap));
  nic.host.vhost_fds.push_back(Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  return nic;
}

} // namespace

TEST_CASE("disable_vhost_net leaves a NIC's vhost descriptor out", "[qemu]") {
  if (!test::have_guest()) return;
  for (const bool disabled : {true, false}) {
    test::TestHost host;
    Console console;
    HypervisorHandle vm(host, "qemu",
                        std::string(R"({"use_vsock":false,"disable_vhost_net":)") +
                            (disabled ? "true}" : "false}"));
    auto description = small_machine(console, "wait");
    description.devices.push_back(nic_with_wrong_vhost());
    const int result = vm.start(std::move(description));
    INFO(vm.why());
    if (disabled) {
      REQUIRE(result == 0);
      vm.stop(false);
    } else {
      CHECK(result == -NACRE_E_UNAVAILABLE); // QEMU has looked at the descriptor
    }
  }
}

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

// That its guest works is shown by tests/vm/test_microvm.py.
TEST_CASE("microvm takes nothing while it runs", "[qemu]") {
  test::TestHost host;
  Console console;
  HypervisorHandle vm(host, "qemu", R"({"use_vsock":false,"machine_type":"microvm"})");
  REQUIRE(vm.start(small_machine(console, "wait")) == 0);
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
