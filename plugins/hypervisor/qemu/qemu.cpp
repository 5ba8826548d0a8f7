// Hypervisor `qemu`: QEMU's q35 or microvm machine on KVM or, where that does not work, on its own
// translator.
#include "machine.hpp"

#include <nacre/sdk/hypervisor.hpp>

#include <unistd.h>

namespace {

using namespace nacre::sdk;
namespace qemu = nacre::qemu;

class Qemu : public Hypervisor {
public:
  Qemu(Host host, const Call&, const Options& options) : machine_(host, qemu::Options::of(options)) {}

  static Probe probe(Host, const Call&, const Options& table) {
    const auto options = qemu::Options::of(table);
    if (::access(options.path.c_str(), X_OK) != 0)
      return Probe::skip("QEMU \"" + options.path + "\" cannot be run: " + ::strerrordesc_np(errno) +
                         "; install qemu-system-x86, or set path in [hypervisor.qemu]");
    return Probe::ok(qemu::choose_accelerator().reason);
  }

  std::uint64_t device_capabilities(std::uint32_t kind) override {
    return machine_.device_capabilities(kind);
  }

  AgentChannel channel() override { return channel_with({}); }

  void start(const Call& call, VmDescription description, VmSource source) override {
    if (source.kind != NACRE_START_COLD) unsupported("start from a snapshot or an incoming machine");
    machine_.start(call, std::move(description));
  }
  AgentChannel connect(const Call&) override {
    return channel_with(machine_.reaches_agent_by_vsock() ? Fd() : machine_.take_agent_channel());
  }
  void stop(const Call& call, bool graceful) override { machine_.stop(call, graceful); }
  void pause(const Call& call) override { machine_.pause(call); }
  void resume(const Call& call) override { machine_.resume(call); }

  std::string add_device(const Call& call, Device device) override {
    return machine_.add_device(call, std::move(device));
  }
  std::uint64_t remove_device(const Call& call, const std::string& id) override {
    return machine_.remove_device(call, id);
  }
  void grow_device(const Call& call, const std::string& id, std::uint64_t bytes) override {
    machine_.grow_device(call, id, bytes);
  }
  std::vector<GuestDevice> describe(const Call&) override { return machine_.describe(); }
  VmProcesses processes() override { return machine_.processes(); }
  int events_fd() override { return machine_.events_fd(); }

private:
  AgentChannel channel_with(Fd fd) const {
    AgentChannel channel;
    if (machine_.reaches_agent_by_vsock()) {
      channel.kind = NACRE_CHANNEL_VSOCK;
      channel.cid = machine_.agent_cid();
      channel.port = qemu::agent_vsock_port;
      channel.kernel_params = "nacre.channel=vsock";
    } else {
      channel.kind = NACRE_CHANNEL_FD;
      channel.kernel_params = "nacre.channel=serial"; // the port named nacre.agent.0
      channel.fd = std::move(fd);
    }
    return channel;
  }

  qemu::Machine machine_;
};

} // namespace

NACRE_PLUGIN_DEFINE(hypervisor, "qemu", "0.1.0", "Apache-2.0", 0,
                    NACRE_HV_SHARE_FOLDERS | NACRE_HV_VHOST_USER_FS | NACRE_HV_MULTI_QUEUE | NACRE_HV_PAUSE |
                        NACRE_HV_INITRD,
                    nacre::qemu::options_schema, &hypervisor_table<Qemu>);
