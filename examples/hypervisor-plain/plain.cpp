// Hypervisor `plain`: QEMU with everything on its command line and not a word to it afterwards. No device
// comes or goes while the guest runs and nothing is paused or saved, so this is about the least that boots a
// container; the plan of Nacre refuses in advance what would need more.
#include <nacre/sdk/hypervisor.hpp>

#include <csignal>
#include <poll.h>
#include <unistd.h>

namespace {

using namespace nacre::sdk;

constexpr char options_schema[] = R"json([
{"key":"path","type":"string","default":"/usr/bin/qemu-system-x86_64","help":"the program"},
{"key":"accelerator","type":"string","default":"tcg","values":["kvm","tcg"],"help":"how QEMU runs the guest: kvm is fast, tcg works everywhere"}
])json";

std::string hex2(unsigned number) {
  char text[12];
  std::snprintf(text, sizeof text, "%02x", number);
  return text;
}

// Words of a command line, and the descriptors that they name by number.
class CommandLine {
public:
  explicit CommandLine(std::string program) { words_.push_back(std::move(program)); }

  CommandLine& add(std::string option, std::string value = {}) {
    words_.push_back(std::move(option));
    if (!value.empty()) words_.push_back(std::move(value));
    return *this;
  }
  // The descriptor's number in QEMU.
  std::string pass(Fd fd) {
    const auto number = static_cast<std::uint32_t>(3 + fds_.size());
    fds_.push_back({std::move(fd), number});
    return std::to_string(number);
  }
  // A device of the root bus; returns where the guest will find it.
  std::string add_device(const std::string& description) {
    const std::string slot = hex2(next_slot_++); // 0 is the host bridge
    add("-device", description + ",bus=pcie.0,addr=" + slot);
    return slot;
  }
  Spawn spawn() && {
    return {
        .role = "vmm", .argv = std::move(words_), .env = {}, .fds = std::move(fds_), .in_pod_mounts = true};
  }

private:
  std::vector<std::string> words_;
  std::vector<Spawn::Passed> fds_;
  unsigned next_slot_ = 1;
};

// Commas end a value in QEMU's lists unless they are doubled.
std::string quoted(const std::string& value) {
  std::string text;
  for (const char c : value)
    text.append(c == ',' ? 2 : 1, c);
  return text;
}

std::string mac_text(const Mac& mac) {
  std::string text;
  for (const auto byte : mac)
    text += (text.empty() ? "" : ":") + hex2(byte);
  return text;
}

std::string add_share(CommandLine& line, const Device& share) {
  line.add("-fsdev",
           "local,security_model=passthrough,id=" + share.guest.id + ",path=" + quoted(share.host.path));
  return line.add_device("virtio-9p-pci,fsdev=" + share.guest.id + ",mount_tag=" + quoted(share.guest.tag));
}

std::string add_nic(CommandLine& line, Device nic) {
  if (nic.host.fds.size() != 1)
    throw Error(NACRE_E_UNSUPPORTED,
                "NIC \"" + nic.guest.id + "\" has several queues; this plugin gives one");
  const std::string fd = line.pass(std::move(nic.host.fds[0]));
  const bool stream = nic.host.kind == NACRE_END_STREAM;
  line.add("-netdev",
           (stream ? "stream,server=off,addr.type=fd,addr.str=" : "tap,fd=") + fd + ",id=" + nic.guest.id);
  return line.add_device("virtio-net-pci,romfile=,netdev=" + nic.guest.id +
                         ",mac=" + mac_text(nic.guest.mac));
}

class Plain : public Hypervisor {
public:
  Plain(Host host, const Call&, const Options& options)
      : host_(host), path_(options.string("path")), accelerator_(options.string("accelerator")) {}

  static Probe probe(Host, const Call&, const Options& options) {
    const std::string& path = options.string("path");
    if (::access(path.c_str(), X_OK) == 0) return Probe::ok(path);
    return Probe::skip("\"" + path + "\" cannot be run: " + ::strerrordesc_np(errno) + "; install QEMU");
  }

  // What is not said here cannot be asked for: the plan compares it with what storage and network need.
  std::uint64_t device_capabilities(std::uint32_t kind) override {
    return kind == NACRE_DEVICE_SHARE || kind == NACRE_DEVICE_NET ? NACRE_DEV_COLD_ADD : 0;
  }

  AgentChannel channel() override {
    AgentChannel channel; // NACRE_CHANNEL_FD: a port of virtio-serial
    channel.kernel_params = "nacre.channel=serial";
    return channel;
  }

  void start(const Call& call, VmDescription vm, VmSource source) override {
    if (process_.pid != 0) throw Error(NACRE_E_PRECONDITION, "the VM \"" + vm.id + "\" was started before");
    if (source.kind != NACRE_START_COLD) unsupported("start a VM from a snapshot");
    if (vm.ram_backing != NACRE_RAM_ANONYMOUS) unsupported("share the VM's memory");
    if (vm.initrd.empty()) unsupported("boot from a disk image; set initrd");
    int pair[2];
    check_errno(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "make the agent's channel");
    Fd ours(pair[0]), qemus(pair[1]);

    CommandLine line(path_);
    line.add("-nodefaults").add("-no-user-config").add("-no-reboot").add("-display", "none");
    line.add("-name", "guest=" + quoted(vm.id));
    line.add("-machine", "q35,accel=" + accelerator_)
        .add("-cpu", "max")
        .add("-smp", std::to_string(vm.vcpus));
    line.add("-m", "size=" + std::to_string(vm.memory_bytes / 1024) + "k");
    line.add("-kernel", vm.kernel).add("-initrd", vm.initrd);
    line.add("-append", "console=ttyS0 panic=-1 reboot=t quiet " + vm.kernel_params);
    if (vm.console) {
      line.add("-add-fd", "set=1,fd=" + line.pass(std::move(vm.console)));
      line.add("-chardev", "file,id=console,append=on,path=/dev/fdset/1").add("-serial", "chardev:console");
    }
    line.add("-chardev", "socket,id=agent,fd=" + line.pass(std::move(qemus)));
    line.add_device("virtio-serial-pci,id=serial");
    line.add("-device", "virtserialport,bus=serial.0,chardev=agent,name=nacre.agent.0");
    line.add_device("virtio-rng-pci");
    for (Device& device : vm.devices)
      add(line, std::move(device));

    // Returns when QEMU has been executed. Should it end at once, Nacre tells the user what it printed.
    process_ = host_.spawn(call, std::move(line).spawn());
    agent_ = std::move(ours);
  }

  AgentChannel connect(const Call&) override {
    if (!agent_) throw Error(NACRE_E_PRECONDITION, "the VM does not run, or its channel was taken before");
    AgentChannel answer = channel();
    answer.fd = std::move(agent_);
    return answer;
  }

  // Without a conversation there is no friendly way, so `graceful` makes no difference.
  void stop(const Call& call, bool) override {
    if (process_.pid == 0 || has_ended()) return;
    host_.signal_process(process_.pid, SIGKILL);
    call.wait(process_.pidfd, POLLIN);
  }

  std::vector<GuestDevice> describe(const Call&) override { return devices_; }
  VmProcesses processes() override {
    return {{process_.pid}, {}};
  } // it does not know the threads of the vCPUs

private:
  void add(CommandLine& line, Device device) {
    GuestDevice guest = device.guest;
    guest.address =
        guest.kind == NACRE_DEVICE_SHARE ? add_share(line, device) : add_nic(line, std::move(device));
    devices_.push_back(std::move(guest));
  }
  bool has_ended() const {
    pollfd set{process_.pidfd, POLLIN, 0};
    return ::poll(&set, 1, 0) > 0;
  }

  Host host_;
  std::string path_, accelerator_;
  Process process_;
  Fd agent_;
  std::vector<GuestDevice> devices_;
};

} // namespace

NACRE_PLUGIN_DEFINE(hypervisor, "plain", "1.0", "Apache-2.0", 0, NACRE_HV_SHARE_FOLDERS | NACRE_HV_INITRD,
                    options_schema, &nacre::sdk::hypervisor_table<Plain>);
