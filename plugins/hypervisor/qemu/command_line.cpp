#include "command_line.hpp"

#include "device.hpp"
#include "initrd_room.hpp"
#include "tsc_frequency.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>

namespace nacre::qemu {
namespace json = boost::json;

namespace {

constexpr std::uint64_t kibibyte = 1024;
constexpr std::uint64_t smallest_memory = 32 * kibibyte * kibibyte; // below this no kernel of today boots
constexpr std::uint32_t memory_slots = 10;
constexpr std::uint32_t hot_nvdimm_slots = 32;

std::string kibibytes(std::uint64_t bytes) {
  return std::to_string(bytes / kibibyte) + "k";
}

void refuse(const std::string& why) {
  throw sdk::Error(NACRE_E_INVALID_ARGUMENT, "QEMU cannot run this machine: " + why);
}

void check(const Options& options, const sdk::VmDescription& vm) {
  if (vm.kernel.empty()) refuse("no kernel is named");
  if (vm.initrd.empty() || !vm.image.empty())
    refuse("it boots from an initrd, not from a disk image; set initrd");
  if (vm.vcpus == 0) refuse("it has no CPU");
  if (vm.memory_bytes < smallest_memory)
    refuse(std::to_string(vm.memory_bytes / kibibyte) +
           " KiB of memory are less than 32 MiB; raise default_memory");
  if (options.machine_type == MachineType::microvm &&
      (vm.memory_max_bytes > vm.memory_bytes || vm.vcpus_max > vm.vcpus))
    refuse("machine_type \"microvm\" grows neither in memory nor in CPUs; set machine_type to \"q35\"");
  if (vm.ram_backing > NACRE_RAM_FILE_PRIVATE) refuse("the kind of its memory is not known");
}

void add_memory(Arguments& arguments, const Options& options, const NvdimmDemand& nvdimms,
                const sdk::VmDescription& vm) {
  std::string size = "size=" + kibibytes(vm.memory_bytes);
  const auto most = std::max(vm.memory_bytes, vm.memory_max_bytes) + nvdimms.bytes;
  const auto slots = nvdimms.slots + (vm.memory_max_bytes > vm.memory_bytes ? memory_slots : 0);
  if (slots != 0) size += ",slots=" + std::to_string(slots) + ",maxmem=" + kibibytes(most);
  arguments.add("-m", size);
  const std::string prealloc = options.prealloc ? ",prealloc=on" : "";
  const std::string bytes = std::to_string(vm.memory_bytes / kibibyte * kibibyte) + prealloc;
  switch (vm.ram_backing) {
  case NACRE_RAM_ANONYMOUS:
    if (options.prealloc) arguments.add("-mem-prealloc");
    return;
  case NACRE_RAM_SHARED_MEMFD:
    arguments.add("-object", "memory-backend-memfd,id=ram,share=on,size=" + bytes);
    return;
  default:
    arguments.add("-object", "memory-backend-file,id=ram,mem-path=" + quoted(vm.ram_path) + ",size=" + bytes +
                                 ",share=" + (vm.ram_backing == NACRE_RAM_FILE_SHARED ? "on" : "off"));
  }
}

// What no guest of ours uses is left out: less to attack, and less for the guest's kernel to look for.
const char* board_of(MachineType type) {
  // ACPI tells Debian's kernel, which takes no virtio-mmio devices from its command line, where they are.
  if (type == MachineType::microvm)
    return "microvm,acpi=on,rtc=on,pic=off,pit=off,pcie=off,usb=off,dump-guest-core=off";
  return "q35,sata=off,smbus=off,vmport=off,hpet=off,i8042=off,usb=off,dump-guest-core=off";
}

void add_board(Arguments& arguments, const Options& options, const Accelerator& accelerator,
               const sdk::VmDescription& vm) {
  const auto nvdimms = nvdimm_demand(options, vm);
  std::string board = board_of(options.machine_type);
  if (nvdimms.slots != 0) board += ",nvdimm=on";
  if (vm.ram_backing != NACRE_RAM_ANONYMOUS) board += ",memory-backend=ram";
  if (!options.machine_accelerators.empty()) board += "," + options.machine_accelerators;
  arguments.add("-machine", board);
  // The buffer for translated code is reserved whole and touched as it fills; 256 MiB are never flushed by a
  // boot.
  arguments.add("-accel", accelerator.kvm ? "kvm" : "tcg,thread=multi,tb-size=256");
  const std::string features = options.cpu_features.empty() ? "" : "," + options.cpu_features;
  arguments.add("-cpu", (accelerator.kvm ? "host" : "max") + features);
  const auto most = std::max(vm.vcpus, vm.vcpus_max);
  arguments.add("-smp", "cpus=" + std::to_string(vm.vcpus) + ",maxcpus=" + std::to_string(most) +
                            ",sockets=1,cores=" + std::to_string(most) + ",threads=1");
  add_memory(arguments, options, nvdimms, vm);
}

void add_initrd(Arguments& arguments, const Options& options, const sdk::VmDescription& vm) {
  std::string path = vm.initrd;
  if (options.machine_type == MachineType::microvm)
    if (auto copy = with_room_for_acpi(path))
      path = "/proc/self/fd/" + std::to_string(arguments.pass(std::move(*copy)));
  arguments.add("-initrd", path);
}

// ISA serial: the only console that shows the kernel's first words, since its driver needs no module.
void add_console(Arguments& arguments, sdk::Fd console) {
  if (!console) {
    arguments.add("-serial", "null");
    return;
  }
  struct stat status {};
  sdk::check_errno(::fstat(console.get(), &status), "look at the console's descriptor");
  if (S_ISSOCK(status.st_mode)) {
    arguments.add("-chardev", "socket,id=console,fd=" + std::to_string(arguments.pass(std::move(console))));
  } else {
    const auto fdset = arguments.pass_as_fdset(std::move(console), O_WRONLY);
    arguments.add("-chardev", "file,id=console,append=on,path=" + fdset_path(fdset));
  }
  arguments.add("-serial", "chardev:console");
}

json::object built_in_device(const char* driver, const char* id, Topology& topology) {
  return virtio_device(driver, id, topology.take_cold());
}

void add_agent_port(Arguments& arguments, sdk::Fd agent, Topology& topology) {
  arguments.add("-chardev", "socket,id=agent,fd=" + std::to_string(arguments.pass(std::move(agent))));
  auto serial = built_in_device("virtio-serial", "serial", topology);
  serial["max_ports"] = 2; // port 0 can only be a console
  arguments.add("-device", serial);
  arguments.add("-device", json::object{{"driver", "virtserialport"},
                                        {"id", "agent-port"},
                                        {"bus", "serial.0"},
                                        {"nr", 1},
                                        {"chardev", "agent"},
                                        {"name", agent_port_name}});
}

void add_agent_vsock(Arguments& arguments, Vsock& vsock, Topology& topology) {
  auto device = built_in_device("vhost-vsock", "vsock", topology);
  device["guest-cid"] = vsock.cid;
  device["vhostfd"] = std::to_string(arguments.pass(std::move(vsock.device)));
  arguments.add("-device", device);
}

void add_built_in_devices(Arguments& arguments, const Options& options, MachineEnds& ends,
                          Topology& topology) {
  // virtio 1.0 and later only; of PCI devices each says so itself.
  if (options.machine_type == MachineType::microvm) arguments.add("-global", "virtio-mmio.force-legacy=off");
  for (auto& bus : topology.bus_devices())
    arguments.add("-device", std::move(bus));
  if (ends.vsock)
    add_agent_vsock(arguments, *ends.vsock, topology);
  else
    add_agent_port(arguments, std::move(ends.agent), topology);
  arguments.add(
      "-object",
      json::object{{"qom-type", "rng-random"}, {"id", "entropy"}, {"filename", options.entropy_source}});
  auto rng = built_in_device("virtio-rng", "rng", topology);
  rng["rng"] = "entropy";
  arguments.add("-device", rng);
  arguments.add("-device", "pvpanic"); // the guest tells of a panic before it resets
}

} // namespace

NvdimmDemand nvdimm_demand(const Options& options, const sdk::VmDescription& vm) {
  NvdimmDemand demand{options.nvdimm_bytes != 0 ? hot_nvdimm_slots : 0, options.nvdimm_bytes};
  for (const auto& device : vm.devices) {
    if (device.guest.kind != NACRE_DEVICE_PMEM) continue;
    check_device(device.guest, device.host);
    ++demand.slots;
    demand.bytes += nvdimm::bytes_of(device.guest, device.host);
  }
  return demand;
}

void add_machine(Arguments& arguments, const Options& options, const Accelerator& accelerator,
                 sdk::VmDescription& vm, MachineEnds ends, Topology& topology) {
  check(options, vm);
  arguments.add("-name", "guest=" + quoted(vm.id) + ",debug-threads=on");
  arguments.add("-nodefaults");
  arguments.add("-no-user-config");
  arguments.add("-display", "none");
  arguments.add("-no-reboot"); // a guest that resets ends the machine: its containers cannot survive that
  if (!options.seccomp_sandbox.empty()) arguments.add("-sandbox", options.seccomp_sandbox);
  add_board(arguments, options, accelerator, vm);
  arguments.add("-kernel", vm.kernel);
  add_initrd(arguments, options, vm);
  arguments.add("-append", kernel_parameters(options, accelerator, vm));

  arguments.add("-chardev", "socket,id=qmp,fd=" + std::to_string(arguments.pass(std::move(ends.qmp))));
  arguments.add("-mon", "chardev=qmp,mode=control");
  add_console(arguments, std::move(vm.console));
  add_built_in_devices(arguments, options, ends, topology);
}

std::string kernel_parameters(const Options& options, const Accelerator& accelerator,
                              const sdk::VmDescription& vm) {
  // panic=-1 and reboot=t: a guest that panics resets at once, by triple fault, which ends QEMU. tsc=reliable
  // and no_timer_check: clocks of a virtual machine need no test against each other.
  std::string text = "console=ttyS0 panic=-1 reboot=t tsc=reliable no_timer_check 8250.nr_uarts=1 "
                     "cryptomgr.notests random.trust_cpu=on";
  text += options.debug || vm.debug ? " debug earlyprintk=serial,ttyS0,115200" : " quiet";
  // Under TCG the mitigations protect nobody (guest code is translated), and randomizing the kernel's place
  // costs half a second of a boot of two. Under KVM both stay on.
  if (!accelerator.kvm) text += " mitigations=off nokaslr";
  // microvm has no timer to measure the TSC with, and the kernel would try for ever. KVM tells its rate by
  // kvmclock; TCG's guests see the host's.
  if (options.machine_type == MachineType::microvm && !accelerator.kvm)
    text += " tsc_early_khz=" + std::to_string(measure_tsc_khz());
  if (!vm.kernel_params.empty()) text += " " + vm.kernel_params;
  return text;
}

} // namespace nacre::qemu
