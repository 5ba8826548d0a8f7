// Hypervisor `null`: answers every call as a VM would and runs nothing. For tests of the plan, of the
// boundary and of the sandbox's state machine; its agent channel is a socket pair whose other end stays
// silent.
#include <nacre/sdk/hypervisor.hpp>

#include <algorithm>
#include <sys/socket.h>

namespace {

using namespace nacre::sdk;

class Null : public Hypervisor {
public:
  Null(Host, const Call&, const Options& options)
      : never_starts_(options.boolean_or("never_starts", false)) {}

  static Probe probe(Host, const Call&, const Options&) { return Probe::ok("runs nothing"); }

  std::uint64_t device_capabilities(std::uint32_t) override {
    return NACRE_DEV_COLD_ADD | NACRE_DEV_HOT_ADD | NACRE_DEV_HOT_REMOVE | NACRE_DEV_SURVIVES_SAVE |
           NACRE_DEV_REBIND | NACRE_DEV_GROW;
  }

  AgentChannel channel() override { return {}; }

  void start(const Call& call, VmDescription description, VmSource) override {
    need(State::created, "start");
    // The events socket stays silent: waiting on it is waiting for the deadline or for the caller to give up.
    if (never_starts_) call.wait(events_.fd(), POLLIN);
    for (Device& device : description.devices)
      add(std::move(device));
    size_ = {description.vcpus, description.memory_bytes};
    state_ = State::running;
  }

  AgentChannel connect(const Call&) override {
    need(State::running, "connect to");
    int pair[2];
    check_errno(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "make a socket pair");
    agent_ = Fd(pair[1]);
    AgentChannel channel;
    channel.fd = Fd(pair[0]);
    return channel;
  }

  void stop(const Call&, bool) override {
    if (state_ == State::stopped) return;
    state_ = State::stopped;
    agent_.reset();
    devices_.clear();
    events_.send(NACRE_EVENT_VM_EXITED);
  }
  void pause(const Call&) override {
    need(State::running, "pause");
    state_ = State::paused;
  }
  void resume(const Call&) override {
    need(State::paused, "resume");
    state_ = State::running;
  }

  std::string add_device(const Call&, Device device) override {
    need(State::running, "add a device to");
    return add(std::move(device));
  }
  std::uint64_t remove_device(const Call&, const std::string& id) override {
    devices_.erase(find(id));
    events_.send(NACRE_EVENT_DEVICE_REMOVED, 0, {}, id);
    return finished();
  }
  void rebind_device(const Call&, const std::string& id, HostEnd host) override {
    find(id)->host = std::move(host);
  }
  void grow_device(const Call&, const std::string& id, std::uint64_t) override { find(id); }

  std::vector<GuestDevice> describe(const Call&) override {
    std::vector<GuestDevice> guests;
    for (const Device& device : devices_)
      guests.push_back(device.guest);
    return guests;
  }

  std::uint64_t resize(const Call&, VmSize size) override {
    need(State::running, "resize");
    if (size.vcpus != 0) size_.vcpus = size.vcpus;
    if (size.memory_bytes != 0) size_.memory_bytes = size.memory_bytes;
    events_.send(NACRE_EVENT_SIZE_CHANGED, size_.memory_bytes);
    return finished();
  }
  std::uint64_t save(const Call&, VmSink) override {
    need(State::paused, "save");
    return finished();
  }

  VmProcesses processes() override { return {}; }
  int events_fd() override { return events_.fd(); }

private:
  enum class State { created, running, paused, stopped };

  void need(State state, const char* operation) const {
    static constexpr const char* names[] = {"not started", "running", "paused", "stopped"};
    if (state_ != state)
      throw Error(NACRE_E_PRECONDITION,
                  std::string("cannot ") + operation + " a VM that is " + names[static_cast<int>(state_)]);
  }
  std::vector<Device>::iterator find(const std::string& id) {
    const auto it =
        std::find_if(devices_.begin(), devices_.end(), [&](const Device& d) { return d.guest.id == id; });
    if (it == devices_.end()) throw Error(NACRE_E_NOT_FOUND, "there is no device \"" + id + "\"");
    return it;
  }
  std::string add(Device device) {
    for (const Device& other : devices_)
      if (other.guest.id == device.guest.id)
        throw Error(NACRE_E_ALREADY_EXISTS, "there is a device \"" + device.guest.id + "\" already");
    char address[8];
    std::snprintf(address, sizeof address, "00/%02x", next_slot_++ & 0x1fu);
    device.guest.address = address;
    devices_.push_back(std::move(device));
    return address;
  }
  std::uint64_t finished() {
    events_.send(NACRE_EVENT_OPERATION_DONE, 0, {}, {}, ++operation_);
    return operation_;
  }

  bool never_starts_;
  State state_ = State::created;
  std::vector<Device> devices_;
  VmSize size_;
  Fd agent_;
  EventSender events_;
  std::uint64_t operation_ = 0;
  unsigned next_slot_ = 1;
};

} // namespace

NACRE_PLUGIN_DEFINE(hypervisor, "null", "0.1.0", "Apache-2.0", 0,
                    NACRE_HV_SHARE_FOLDERS | NACRE_HV_VHOST_USER_FS | NACRE_HV_MULTI_QUEUE |
                        NACRE_HV_RESIZE_VCPUS | NACRE_HV_RESIZE_MEMORY | NACRE_HV_PAUSE | NACRE_HV_SAVE |
                        NACRE_HV_INITRD | NACRE_HV_IMAGE | NACRE_HV_NO_GUEST,
                    R"([{"key": "never_starts", "type": "boolean", "default": false,
                         "help": "start() waits until its deadline or until it is cancelled"}])",
                    &nacre::sdk::hypervisor_table<Null>);
