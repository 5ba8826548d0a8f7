// The inside of the qemu plugin that needs no QEMU: its command line, PCI places, devices, and QMP against a
// peer that is not QEMU.
#include "command_line.hpp"
#include "device.hpp"
#include "kernel_image.hpp"
#include "mmio_topology.hpp"
#include "pci_topology.hpp"
#include "qmp.hpp"

#include <boost/json/parse.hpp>
#include <catch.hpp>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace nacre;
using namespace nacre::qemu;
using Catch::Matchers::ContainsSubstring;
namespace json = boost::json;

sdk::VmDescription machine() {
  sdk::VmDescription vm;
  vm.id = "pod,1";
  vm.memory_bytes = vm.memory_max_bytes = 512u << 20;
  vm.kernel = "/k/vmlinux";
  vm.initrd = "/k/initrd";
  vm.kernel_params = "user=1";
  return vm;
}

sdk::Fd file() {
  return sdk::Fd(::memfd_create("test", MFD_CLOEXEC));
}

std::string joined(const Arguments& arguments) {
  std::string text;
  for (const auto& word : arguments.words())
    text += word + "\n";
  return text;
}

std::string command_line(sdk::VmDescription vm, const Accelerator& accelerator = {},
                         const char* table = "{}") {
  const auto options = Options::of(sdk::Options(table));
  const auto topology = make_topology(options);
  Arguments arguments(options.path);
  add_machine(arguments, options, accelerator, vm, {file(), file(), {}}, *topology);
  return joined(arguments);
}

sdk::Device device(std::uint32_t kind, std::uint32_t end, const std::string& id = "dev0") {
  sdk::Device device;
  device.guest.kind = kind;
  device.guest.id = id;
  device.guest.tag = "tag";
  device.host.kind = end;
  device.host.path = "/share";
  if (end == NACRE_END_FDS) device.host.fds.push_back(file());
  return device;
}

nacre_call within(int milliseconds, int cancel_fd = -1) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return {sizeof(nacre_call), cancel_fd,
          static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec) +
              static_cast<std::uint64_t>(milliseconds) * 1'000'000u};
}

} // namespace

TEST_CASE("KVM needs the device and the CPU's flag", "[qemu]") {
  char device[] = "/tmp/nacre-kvm-XXXXXX", cpuinfo[] = "/tmp/nacre-cpuinfo-XXXXXX";
  const sdk::Fd kvm(::mkstemp(device)), info(::mkstemp(cpuinfo));
  std::ofstream(cpuinfo) << "processor\t: 0\nflags\t\t: fpu vmx sse\n";
  CHECK(choose_accelerator(device, cpuinfo).kvm);
  CHECK_THAT(choose_accelerator("/nonexistent/kvm", cpuinfo).reason,
             ContainsSubstring("/nonexistent/kvm does not open: No such file"));
  std::ofstream(cpuinfo) << "flags\t\t: fpu sse avmx\nvmx flags\t: vnmi\n";
  CHECK_FALSE(choose_accelerator(device, cpuinfo).kvm);
  CHECK_THAT(choose_accelerator(device, cpuinfo).reason, ContainsSubstring("neither vmx nor svm"));
  ::unlink(device);
  ::unlink(cpuinfo);
}

TEST_CASE("mitigations and KASLR stay on under KVM", "[qemu]") {
  const auto kvm = kernel_parameters({}, {true, "KVM"}, machine());
  CHECK(kvm.find("mitigations") == kvm.npos);
  CHECK(kvm.find("nokaslr") == kvm.npos);
  const auto tcg = kernel_parameters({}, {false, "TCG"}, machine());
  CHECK_THAT(tcg, ContainsSubstring(" mitigations=off nokaslr "));
  CHECK(tcg.ends_with(" user=1")); // the user's come last and win
}

TEST_CASE("what the command line says of the machine", "[qemu]") {
  const auto text = command_line(machine());
  CHECK_THAT(text, ContainsSubstring("guest=pod,,1,debug-threads=on\n")); // a comma in a value is doubled
  CHECK_THAT(text, ContainsSubstring("-accel\ntcg,thread=multi"));
  CHECK_THAT(text, ContainsSubstring("-cpu\nmax\n"));
  CHECK_THAT(text, ContainsSubstring("-m\nsize=524288k\n"));
  CHECK_THAT(text,
             ContainsSubstring(
                 "-sandbox\non,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny\n"));
  CHECK_THAT(text, ContainsSubstring("-no-reboot\n"));
  CHECK_THAT(text, ContainsSubstring(" quiet"));
  CHECK_THAT(text, ContainsSubstring("-serial\nnull\n")); // no console is wanted
}

TEST_CASE("microvm: virtio-mmio for every device, and the TSC's rate where no timer tells it", "[qemu]") {
  const char* const table = R"({"machine_type":"microvm"})";
  const auto vm = [] {
    auto made = machine();
    made.initrd = "/proc/self/exe"; // it is read
    return made;
  };
  const auto text = command_line(vm(), {}, table);
  CHECK_THAT(text, ContainsSubstring("-machine\nmicrovm,acpi=on,"));
  CHECK_THAT(
      text, ContainsSubstring(R"({"driver":"virtio-serial-device","id":"serial","bus":"virtio-mmio-bus.1")"));
  CHECK_THAT(text, ContainsSubstring("virtio-rng-device") && ContainsSubstring("virtio-mmio.force-legacy"));
  CHECK_THAT(text, !ContainsSubstring("pci-bridge") && !ContainsSubstring("-pci\""));
  CHECK_THAT(text, ContainsSubstring(" tsc_early_khz="));
  CHECK_THAT(command_line(vm(), {true, "KVM"}, table), !ContainsSubstring("tsc_early_khz")); // kvmclock
  CHECK_THAT(command_line(machine()), !ContainsSubstring("tsc_early_khz") && !ContainsSubstring("mmio"));
}

TEST_CASE("microvm: NICs without what only PCI has", "[qemu]") {
  MmioTopology topology;
  Arguments arguments("qemu");
  auto nic = device(NACRE_DEVICE_NET, NACRE_END_FDS);
  nic.host.fds.push_back(file());
  nic.host.fds.push_back(file());
  add_at_boot(arguments, nic.guest, std::move(nic.host), topology.take_cold());
  CHECK_THAT(joined(arguments), ContainsSubstring("virtio-net-device") && ContainsSubstring("\"mq\":true"));
  CHECK_THAT(joined(arguments), !ContainsSubstring("romfile") && !ContainsSubstring("vectors"));
}

TEST_CASE("microvm: 23 slots, none for later, and words for both", "[qemu]") {
  MmioTopology topology;
  CHECK_FALSE(topology.can_hot_add());
  CHECK_THROWS_WITH(topology.take_hot(), ContainsSubstring("takes no device while the guest runs"));
  const auto first = topology.take_cold();
  CHECK(first.guest == "mmio1");
  CHECK_FALSE(first.removable());
  for (int i = 2; i <= 23; ++i)
    CHECK(topology.take_cold().guest == "mmio" + std::to_string(i));
  CHECK_THROWS_WITH(topology.take_cold(), ContainsSubstring("room for 23 devices"));
  topology.release(first);
  CHECK(topology.take_cold().bus == "virtio-mmio-bus.1");
}

TEST_CASE("microvm: what it has not is refused in words", "[qemu]") {
  CHECK_THROWS_WITH(Options::of(sdk::Options(R"({"machine_type":"microvm","pcie_root_port":2})")),
                    ContainsSubstring("remove pcie_root_port"));
  auto growing = machine();
  growing.memory_max_bytes *= 2;
  CHECK_THROWS_WITH(command_line(std::move(growing), {}, R"({"machine_type":"microvm"})"),
                    ContainsSubstring("grows neither"));
}

TEST_CASE("options that have an effect have it", "[qemu]") {
  const auto text =
      command_line(machine(), {true, "KVM"}, R"({"path":"/opt/qemu","machine_accelerators":"hpet=on",
    "cpu_features":"pmu=off","entropy_source":"/dev/hwrng","seccompsandbox":"","default_bridges":2,"pcie_root_port":9,
    "enable_debug":true})");
  CHECK(text.starts_with("/opt/qemu\n"));
  CHECK_THAT(text, ContainsSubstring(",hpet=on\n"));
  CHECK_THAT(text, ContainsSubstring("-cpu\nhost,pmu=off\n"));
  CHECK_THAT(text, ContainsSubstring("\"filename\":\"/dev/hwrng\""));
  CHECK(text.find("-sandbox") == text.npos);
  CHECK_THAT(text, ContainsSubstring("\"id\":\"bridge1\""));
  CHECK_THAT(text, ContainsSubstring("\"id\":\"port8\",\"bus\":\"pcie.0\",\"addr\":\"04.0\""));
  CHECK_THAT(text, ContainsSubstring(" debug "));
}

TEST_CASE("by vsock there is no serial port, without it there is", "[qemu]") {
  CHECK_THAT(command_line(machine()), ContainsSubstring("\"name\":\"nacre.agent.0\""));
  const auto options = Options::of(sdk::Options("{}"));
  PciTopology topology(1, 0);
  Arguments arguments(options.path);
  auto vm = machine();
  add_machine(arguments, options, {}, vm, {file(), {}, Vsock{file(), 77}}, topology);
  const auto text = joined(arguments);
  CHECK_THAT(text, ContainsSubstring("\"guest-cid\":77,\"vhostfd\":\"4\""));
  CHECK(text.find("virtserialport") == text.npos);
}

TEST_CASE("memory that others can map, and room to grow", "[qemu]") {
  auto vm = machine();
  vm.ram_backing = NACRE_RAM_SHARED_MEMFD;
  vm.memory_max_bytes = 2048u << 20;
  vm.vcpus_max = 4;
  const auto text = command_line(std::move(vm));
  CHECK_THAT(text, ContainsSubstring("memory-backend-memfd,id=ram,share=on,size=536870912\n"));
  CHECK_THAT(text, ContainsSubstring(",memory-backend=ram"));
  CHECK_THAT(text, ContainsSubstring("size=524288k,slots=10,maxmem=2097152k"));
  CHECK_THAT(text, ContainsSubstring("cpus=1,maxcpus=4,sockets=1,cores=4,threads=1"));
}

TEST_CASE("machines that cannot be are refused in words", "[qemu]") {
  auto vm = machine();
  SECTION("memory") {
    vm.memory_bytes = 1u << 20;
    CHECK_THROWS_WITH(command_line(std::move(vm)),
                      ContainsSubstring("1024 KiB of memory are less than 32 MiB"));
  }
  SECTION("image") {
    vm.image = "/k/image";
    CHECK_THROWS_WITH(command_line(std::move(vm)), ContainsSubstring("not from a disk image"));
  }
  SECTION("kernel") {
    vm.kernel = "";
    CHECK_THROWS_WITH(command_line(std::move(vm)), ContainsSubstring("no kernel is named"));
  }
}

TEST_CASE("the console's descriptor is written to, whatever it was opened for", "[qemu]") {
  auto vm = machine();
  vm.console = file(); // a memfd is open for both
  const auto options = Options::of(sdk::Options("{}"));
  PciTopology topology(1, 0);
  Arguments arguments(options.path);
  add_machine(arguments, options, {}, vm, {file(), file(), {}}, topology);
  CHECK_THAT(
      joined(arguments),
      ContainsSubstring("-add-fd\nfd=4,set=4\n-chardev\nfile,id=console,append=on,path=/dev/fdset/4\n"));
  auto fds = arguments.take_fds();
  REQUIRE(fds.size() == 3);
  CHECK(fds[1].target == 4);
  CHECK((::fcntl(fds[1].fd.get(), F_GETFL) & O_ACCMODE) == O_WRONLY);
}

TEST_CASE("PCI places are unique, come back, and run out in words", "[qemu]") {
  PciTopology topology(1, 1);
  const auto port = topology.take_hot();
  CHECK(port.guest == "02.0/00");
  CHECK(port.bus == "port0");
  const auto first = topology.take_hot();
  CHECK(first.guest == "01/01");
  CHECK(first.pci_address() == "01.0");
  for (int i = 2; i <= 31; ++i)
    topology.take_hot();
  CHECK_THROWS_WITH(topology.take_hot(), ContainsSubstring("raise default_bridges"));
  topology.release(first);
  CHECK(topology.take_hot().guest == "01/01");
  CHECK(topology.take_cold().guest == "03");
  CHECK_FALSE(PciTopology(0, 0).can_hot_add());
}

TEST_CASE("what is no kernel is refused in words", "[qemu]") {
  const auto refusal = [](const std::string& content) -> std::string {
    const sdk::Fd kernel = file();
    CHECK(::write(kernel.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    const auto path = "/proc/self/fd/" + std::to_string(kernel.get());
    try {
      check_kernel(path);
      return "";
    } catch (const sdk::Error& error) {
      CHECK_THAT(error.what(),
                 ContainsSubstring("kernel \"" + path + "\"") && ContainsSubstring("set kernel"));
      return error.what();
    }
  };
  std::string image(4096, '\0'); // a bzImage: one sector of setup, 16 bytes of kernel
  image.replace(0x202, 4, "HdrS");
  image[0x1f1] = 1;
  image[0x1f4] = 1;
  CHECK(refusal(image) == "");
  CHECK_THAT(refusal(image.substr(0, 1030)), ContainsSubstring("cut off"));
  CHECK_THAT(refusal(""), ContainsSubstring("empty"));
  CHECK_THAT(refusal("hello"), ContainsSubstring("neither an ELF file nor a bzImage"));
  CHECK_THAT(refusal("\x7f"
                     "ELF"),
             ContainsSubstring("cut off"));
  CHECK_THROWS_WITH(check_kernel("/proc/self/exe"), ContainsSubstring("PVH"));
}

TEST_CASE("devices that cannot be are refused in words", "[qemu]") {
  const auto refusal = [](sdk::Device device) {
    try {
      check_device(device.guest, device.host);
    } catch (const sdk::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refusal(device(NACRE_DEVICE_SHARE, NACRE_END_PATH)).empty());
  CHECK_THAT(refusal(device(NACRE_DEVICE_SHARE, NACRE_END_FDS)), ContainsSubstring("host end is of a kind"));
  CHECK_THAT(refusal(device(NACRE_DEVICE_SHARE, NACRE_END_PATH, "Bad,id")),
             ContainsSubstring("device id \"Bad,id\""));
  CHECK_THAT(refusal(device(NACRE_DEVICE_VFIO, NACRE_END_PCI)), ContainsSubstring("no devices of kind 5"));
  auto share = device(NACRE_DEVICE_SHARE, NACRE_END_PATH);
  share.guest.tag.assign(32, 'x');
  CHECK_THAT(refusal(std::move(share)), ContainsSubstring("tag must have 1 to 31 bytes"));
  auto disk = device(NACRE_DEVICE_BLOCK, NACRE_END_FDS);
  disk.guest.options = R"({"cash":"none"})";
  CHECK_THAT(refusal(std::move(disk)), ContainsSubstring("no option \"cash\""));
  auto nic = device(NACRE_DEVICE_NET, NACRE_END_FDS);
  nic.host.vhost_fds.push_back(file());
  nic.host.vhost_fds.push_back(file());
  CHECK_THAT(refusal(std::move(nic)), ContainsSubstring("as many vhost descriptors as queues"));
}

TEST_CASE("a share, a disk and a NIC on the command line", "[qemu]") {
  Arguments arguments("qemu");
  auto share = device(NACRE_DEVICE_SHARE, NACRE_END_PATH, "share");
  share.host.path = "/a,b";
  share.guest.read_only = true;
  add_at_boot(arguments, share.guest, std::move(share.host), {"pcie.0", 4, "04"});
  auto disk = device(NACRE_DEVICE_BLOCK, NACRE_END_FDS, "0disk");
  disk.guest.read_only = true;
  disk.guest.options = R"({"cache_direct":true,"queue_size":64})";
  const auto back = add_at_boot(arguments, disk.guest, std::move(disk.host), {"bridge0", 1, "01/01"});
  auto nic = device(NACRE_DEVICE_NET, NACRE_END_FDS, "net0");
  nic.host.fds.push_back(file());
  nic.guest.mac = {2, 0, 0, 0, 0, 0x1f};
  nic.guest.mtu = 1400;
  add_at_boot(arguments, nic.guest, std::move(nic.host), {"bridge0", 2, "01/02"});
  const auto& words = arguments.words();
  const std::string text = joined(arguments);
  CHECK_THAT(text, ContainsSubstring("path=/a,,b,security_model=passthrough,multidevs=remap,readonly=on\n"));
  const auto object_after = [&](std::size_t from, const std::string& part) {
    for (std::size_t i = from; i < words.size(); ++i)
      if (words[i].find(part) != std::string::npos) return json::parse(words[i]).as_object();
    FAIL("no " << part);
    return json::object();
  };
  const auto blockdev = object_after(0, "\"node-name\"");
  CHECK(blockdev.at("node-name") == "Adisk"); // QEMU's names start with a letter
  CHECK(blockdev.at("driver") == "raw");
  CHECK(blockdev.at("file").at("filename") == "/dev/fdset/3");
  CHECK(blockdev.at("file").at("cache").at("direct") == true);
  CHECK(blockdev.at("read-only") == true);
  CHECK(object_after(0, "virtio-blk-pci").at("queue-size") == 64);
  CHECK(object_after(0, "virtio-blk-pci").at("num-queues") == 1);
  REQUIRE(back.size() == 2);
  CHECK(back[0].command == "blockdev-del");
  CHECK(back[1].command == "remove-fd");
  CHECK(object_after(0, "\"tap\"").at("fds") == "4:5");
  const auto front = object_after(0, "virtio-net-pci");
  CHECK(front.at("mac") == "02:00:00:00:00:1f");
  CHECK(front.at("host_mtu") == 1400);
  CHECK(front.at("vectors") == 6);
  CHECK(front.at("romfile") == "");
}

TEST_CASE("a hot-added NIC hands its descriptors over by name, and takes all back in turn", "[qemu]") {
  auto nic = device(NACRE_DEVICE_NET, NACRE_END_FDS, "net1");
  nic.host.vhost_fds.push_back(file());
  const auto steps = add_while_running(nic.guest, std::move(nic.host), {"bridge0", 3, "01/03"}, 77);
  std::string commands;
  for (const auto& [step, back] : steps)
    commands += step.command + "/" + back.command + " ";
  CHECK(commands == "getfd/closefd getfd/closefd netdev_add/netdev_del device_add/device_del ");
  CHECK(steps[0].step.fd);
  CHECK(steps[2].step.arguments.at("fd") == "dev-net1-tap0");
  CHECK(steps[2].step.arguments.at("vhostfd") == "dev-net1-vhost0");
  auto share = device(NACRE_DEVICE_SHARE, NACRE_END_PATH);
  CHECK_THROWS_WITH(add_while_running(share.guest, std::move(share.host), {"bridge0", 3, "01/03"}, 77),
                    ContainsSubstring("at boot only"));
}

namespace {

// The other end of a QMP connection.
struct Peer {
  sdk::Fd socket;
  std::promise<std::string> closed;
  std::promise<void> first_event;
  std::vector<std::string> events;
  std::unique_ptr<Qmp> qmp;

  Peer() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    socket = sdk::Fd(ends[0]);
    qmp = std::make_unique<Qmp>(sdk::Fd(ends[1]));
    qmp->listen({[this](std::string_view name, const json::object&) {
                   events.emplace_back(name);
                   if (events.size() == 1) first_event.set_value();
                 },
                 [this](std::string_view reason) { closed.set_value(std::string(reason)); }});
  }
  void say(const std::string& text) const {
    std::string_view rest = text;
    while (!rest.empty()) {
      const ssize_t count = ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (count < 0) return;
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  std::string heard() const {
    char buffer[4096];
    const ssize_t count = ::recv(socket.get(), buffer, sizeof buffer, 0);
    return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
  }
  std::string why_closed() { return closed.get_future().get(); }
};

} // namespace

TEST_CASE("QMP: greeting, answers by id, errors in QEMU's words, events", "[qemu]") {
  Peer peer;
  peer.say("{\"QMP\":{\"version\":{}}}\r\n{\"return\":{},\"id\":1}\r\n{\"event\":\"RESUME\",\"timestamp\":{}}"
           "\r\n");
  const auto soon = within(5000);
  // The answer to an id that nobody has asked for yet is not taken for the answer of a later command.
  peer.first_event.get_future().wait();
  std::thread qemu([&] {
    CHECK_THAT(peer.heard(), ContainsSubstring("qmp_capabilities"));
    peer.say("{\"return\":{},\"id\":1}\n");
    const std::string command = peer.heard();
    CHECK(command == "{\"execute\":\"device_del\",\"id\":2,\"arguments\":{\"id\":\"x\"}}\n");
    peer.say("{\"id\":99,\"return\":{}}\n{\"id\":2,\"error\":{\"class\":\"Gen");
    peer.say("ericError\",\"desc\":\"Device 'x' not found\"}}\n");
  });
  peer.qmp->negotiate(sdk::Call(&soon));
  CHECK_THROWS_WITH(peer.qmp->execute(sdk::Call(&soon), "device_del", {{"id", "x"}}),
                    "QMP command \"device_del\": QEMU says: Device 'x' not found");
  qemu.join();
  peer.socket.reset();
  CHECK(peer.why_closed() == "QEMU closed its QMP connection");
  CHECK(peer.events == std::vector<std::string>{"RESUME"});
}

TEST_CASE("QMP: what is not QMP ends the connection", "[qemu]") {
  Peer peer;
  SECTION("no JSON") {
    peer.say("hello\n");
  }
  SECTION("no object") {
    peer.say("[1]\n");
  }
  SECTION("a bad id") {
    peer.say("{\"id\":\"x\",\"return\":{}}\n");
  }
  SECTION("nested too deep") {
    peer.say(std::string(100, '[') + std::string(100, ']') + "\n");
  }
  SECTION("a line without end") {
    std::thread([&] { peer.say(std::string(Qmp::longest_line + 100000, ' ')); }).join();
  }
  CHECK_THAT(peer.why_closed(), ContainsSubstring("QEMU sent"));
  const auto soon = within(1000);
  CHECK_THROWS_AS(peer.qmp->execute(sdk::Call(&soon), "stop"), sdk::Error);
}

TEST_CASE("QMP: a wait ends by deadline, by cancellation, and by the peer's end", "[qemu]") {
  Peer peer;
  const auto code = [&](const nacre_call& call) {
    try {
      peer.qmp->execute(sdk::Call(&call), "stop");
    } catch (const sdk::Error& error) {
      return error.code();
    }
    return 0;
  };
  CHECK(code(within(50)) == NACRE_E_DEADLINE);
  const sdk::Fd cancel(::eventfd(1, EFD_CLOEXEC));
  CHECK(code(within(5000, cancel.get())) == NACRE_E_CANCELLED);
  std::thread qemu([&] {
    peer.heard();
    peer.socket.reset();
  });
  const auto late = within(5000);
  CHECK(code(late) == NACRE_E_UNAVAILABLE);
  qemu.join();
}
