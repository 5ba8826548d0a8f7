#include "machine.hpp"

#include "disk.hpp"
#include "kernel_image.hpp"
#include "nvdimm.hpp"

#include <algorithm>
#include <sys/socket.h>

namespace nacre::qemu {
namespace json = boost::json;

namespace {

constexpr int quit_patience_ms = 2000; // QEMU flushes disks when asked to quit; after that it is killed
constexpr int query_patience_ms = 10000;
constexpr int death_patience_ms = 5000; // from the end of its QMP connection to the end of QEMU

struct SocketPair {
  sdk::Fd ours, qemus;
};

SocketPair make_socket_pair(const char* what) {
  int ends[2];
  sdk::check_errno(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), what);
  return {sdk::Fd(ends[0]), sdk::Fd(ends[1])};
}

// For an entry of the table that has no deadline of its own.
sdk::Call call_within(int milliseconds) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto current =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
  const nacre_call raw{sizeof raw, -1, current + static_cast<std::uint64_t>(milliseconds) * 1'000'000u};
  return sdk::Call(&raw);
}

std::string text_member(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

// "/machine/peripheral/dev-disk1/virtio-backend" -> "disk1"
std::string device_of_path(std::string_view path) {
  constexpr std::string_view folder = "/machine/peripheral/";
  if (!path.starts_with(folder)) return {};
  path.remove_prefix(folder.size());
  return device_id_of(path.substr(0, path.find('/')));
}

} // namespace

Machine::Machine(sdk::Host host, Options options)
    : host_(host), options_(std::move(options)), accelerator_(choose_accelerator()),
      topology_(make_topology(options_)), by_vsock_(options_.vsock && has_vsock()) {}

Machine::~Machine() {
  closing_ = true;
  if (process_ && !process_->has_exited()) process_->kill();
  qmp_.reset();
}

std::uint64_t Machine::device_capabilities(std::uint32_t kind) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t hot = topology_->can_hot_add() ? NACRE_DEV_HOT_ADD | NACRE_DEV_HOT_REMOVE : 0;
  switch (kind) {
  case NACRE_DEVICE_SHARE: // a mounted 9p share blocks QEMU's migration, which save would be
  case NACRE_DEVICE_VHOST_USER_FS:
    return NACRE_DEV_COLD_ADD;
  case NACRE_DEVICE_BLOCK:
    return NACRE_DEV_COLD_ADD | NACRE_DEV_GROW | hot;
  case NACRE_DEVICE_NET:
    return NACRE_DEV_COLD_ADD | hot;
  case NACRE_DEVICE_PMEM: // no guest can be made to let one go
    if (options_.machine_type == MachineType::microvm) return 0;
    return NACRE_DEV_COLD_ADD | (options_.nvdimm_bytes != 0 ? NACRE_DEV_HOT_ADD : 0);
  default:
    return 0;
  }
}

// Devices that can be added later can also be removed later, so those of the boot sit in the same places.
Place Machine::place_at_boot(Arguments& arguments, const sdk::GuestDevice& guest, const sdk::HostEnd& host) {
  if (guest.kind == NACRE_DEVICE_PMEM) return nvdimms_.take(nvdimm::bytes_of(guest, host));
  const bool movable = guest.kind == NACRE_DEVICE_BLOCK || guest.kind == NACRE_DEVICE_NET;
  const auto take = [&] {
    return movable && topology_->can_hot_add() ? topology_->take_hot() : topology_->take_cold();
  };
  if (guest.kind != NACRE_DEVICE_BLOCK || !disk::is_scsi(guest)) return take();
  if (!scsi_) {
    scsi_.sit_in(take());
    arguments.add("-device", scsi_.device(guest));
  }
  return scsi_.take_target();
}

Place Machine::place_while_running(const sdk::Call& call, Qmp& qmp, const sdk::GuestDevice& guest,
                                   const sdk::HostEnd& host) {
  std::unique_lock lock(mutex_);
  if (guest.kind == NACRE_DEVICE_PMEM) return nvdimms_.take(nvdimm::bytes_of(guest, host));
  if (guest.kind != NACRE_DEVICE_BLOCK || !disk::is_scsi(guest)) return topology_->take_hot();
  if (!scsi_) {
    ScsiController controller;
    const Place place = topology_->take_hot();
    controller.sit_in(place);
    lock.unlock(); // the thread that reads the answer takes it too
    try {
      qmp.execute(call, "device_add", controller.device(guest));
    } catch (...) {
      release(place);
      throw;
    }
    lock.lock();
    scsi_ = controller;
  }
  return scsi_.take_target();
}

void Machine::release(const Place& place) {
  const std::lock_guard lock(mutex_);
  if (place.transport == Place::Transport::scsi)
    scsi_.release(place);
  else if (place.transport == Place::Transport::nvdimm)
    nvdimms_.release(place);
  else
    topology_->release(place);
}

void Machine::add_boot_devices(Arguments& arguments, sdk::VmDescription& vm) {
  for (auto& [guest, host] : vm.devices) {
    check_device(guest, host);
    if (!options_.vhost_net) host.vhost_fds.clear();
    if (guest.kind == NACRE_DEVICE_VHOST_USER_FS && vm.ram_backing == NACRE_RAM_ANONYMOUS)
      throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                       "device \"" + guest.id + "\" needs the guest's memory to be shared, and it is not");
    if (devices_.contains(guest.id))
      throw sdk::Error(NACRE_E_ALREADY_EXISTS, "there are two devices with the id \"" + guest.id + "\"");
    Attached attached;
    attached.place = place_at_boot(arguments, guest, host);
    attached.removable = attached.place.removable();
    guest.address = attached.place.guest;
    attached.guest = guest;
    attached.back = add_at_boot(arguments, guest, std::move(host), attached.place);
    order_.push_back(guest.id);
    devices_.emplace(guest.id, std::move(attached));
  }
}

void Machine::start(const sdk::Call& call, sdk::VmDescription vm) {
  if (started_) throw sdk::Error(NACRE_E_PRECONDITION, "the machine \"" + vm.id + "\" was started before");
  check_kernel(vm.kernel);
  started_ = true;
  auto qmp = make_socket_pair("make a socket for QMP");
  MachineEnds ends{.qmp = std::move(qmp.qemus)};
  SocketPair agent;
  if (by_vsock_) {
    ends.vsock = open_vsock();
    agent_cid_ = ends.vsock->cid;
  } else {
    agent = make_socket_pair("make a socket for the agent's channel");
    ends.agent = std::move(agent.qemus);
  }
  Arguments arguments(options_.path);
  {
    const std::lock_guard lock(mutex_);
    nvdimms_ = NvdimmRoom(nvdimm_demand(options_, vm));
    add_machine(arguments, options_, accelerator_, vm, std::move(ends), *topology_);
    add_boot_devices(arguments, vm);
  }
  sdk::Spawn plan;
  plan.role = "vmm";
  plan.argv = arguments.take_words();
  plan.fds = arguments.take_fds();
  plan.in_pod_mounts = true;
  process_.emplace(host_, host_.spawn(call, std::move(plan)));
  agent_ = std::move(agent.ours);
  qmp_ = std::make_unique<Qmp>(std::move(qmp.ours));
  qmp_->listen({[this](std::string_view name, const json::object& data) { on_event(name, data); },
                [this](std::string_view reason) { on_closed(reason); }});
  await_greeting(call);
  host_.debug("QEMU runs with " + accelerator_.reason);
}

// The greeting comes when the machine has been built; the vCPUs run by then. A QEMU that refuses its command
// line or lacks a file ends before, and the words that it printed are the host's to tell.
void Machine::await_greeting(const sdk::Call& call) {
  try {
    qmp_->negotiate(call);
  } catch (const sdk::Error& failure) {
    if (failure.code() != NACRE_E_UNAVAILABLE) throw;
    process_->wait_for_exit(death_patience_ms);
    // How it ended and what it wrote the host tells.
    throw sdk::Error(NACRE_E_UNAVAILABLE, "QEMU \"" + options_.path + "\" ended while it started");
  }
}

Qmp& Machine::running(const char* operation) {
  if (!qmp_ || !process_ || process_->has_exited())
    throw sdk::Error(NACRE_E_PRECONDITION, std::string("cannot ") + operation + ": the machine does not run");
  return *qmp_;
}

sdk::Fd Machine::take_agent_channel() {
  if (!agent_)
    throw sdk::Error(NACRE_E_PRECONDITION,
                     "the agent's channel was taken before, or the machine does not run");
  return std::move(agent_);
}

void Machine::stop(const sdk::Call& call, bool graceful) {
  if (!process_ || process_->has_exited()) return;
  if (graceful) {
    running("stop the machine").execute(call, "system_powerdown");
    return;
  }
  try {
    if (qmp_) qmp_->post("quit");
  } catch (const sdk::Error&) { // its death is what is wanted
  }
  const int left = call.milliseconds_left();
  if (!process_->wait_for_exit(left < 0 ? quit_patience_ms : std::min(left, quit_patience_ms)))
    process_->kill();
  if (!process_->wait_for_exit(death_patience_ms))
    throw sdk::Error(NACRE_E_DEADLINE,
                     "QEMU (pid " + std::to_string(process_->pid()) + ") does not end, not even killed");
}

void Machine::pause(const sdk::Call& call) {
  running("pause the machine").execute(call, "stop");
}

void Machine::resume(const sdk::Call& call) {
  running("resume the machine").execute(call, "cont");
}

// QEMU does the steps in order, so the answer to the last one says that all are done.
void Machine::take_back(std::vector<QmpStep>& steps, std::function<void()> done) noexcept {
  std::erase_if(steps, [](const QmpStep& step) { return step.command.empty(); });
  if (steps.empty() && done) done();
  for (auto& step : steps) {
    try {
      qmp_->post(step.command, std::move(step.arguments), &step == &steps.back() ? done : nullptr);
    } catch (const std::exception&) { // QEMU is gone, and its devices with it
      return;
    }
  }
}

std::string Machine::add_device(const sdk::Call& call, sdk::Device device) {
  Qmp& qmp = running("add a device");
  if (!options_.vhost_net) device.host.vhost_fds.clear();
  check_device(device.guest, device.host);
  if ((device_capabilities(device.guest.kind) & NACRE_DEV_HOT_ADD) == 0)
    throw sdk::Error(NACRE_E_UNSUPPORTED,
                     "device \"" + device.guest.id + "\" cannot be added while the guest runs");
  Attached attached;
  {
    const std::lock_guard lock(mutex_);
    if (devices_.contains(device.guest.id))
      throw sdk::Error(NACRE_E_ALREADY_EXISTS,
                       "there is a device with the id \"" + device.guest.id + "\" already");
  }
  attached.place = place_while_running(call, qmp, device.guest, device.host);
  attached.removable = attached.place.removable();
  attached.guest = std::move(device.guest);
  attached.guest.address = attached.place.guest;
  std::vector<QmpStep> done;
  std::uint64_t passed = 0; // QEMU's number of the descriptor
  try {
    for (auto& [step, back] :
         add_while_running(attached.guest, std::move(device.host), attached.place, next_fdset_++)) {
      if (step.command == "object-add") nvdimm::set_file(step.arguments, passed);
      const auto answer = qmp.execute(call, step.command, std::move(step.arguments), step.fd.get());
      if (step.command == "add-fd") passed = answer.as_object().at("fd").to_number<std::uint64_t>();
      done.push_back(std::move(back));
    }
  } catch (...) {
    std::reverse(done.begin(), done.end());
    take_back(done);
    release(attached.place);
    throw;
  }
  done.pop_back(); // device_del is remove_device()'s
  std::reverse(done.begin(), done.end());
  attached.back = std::move(done);
  const std::lock_guard lock(mutex_);
  order_.push_back(attached.guest.id);
  return devices_.emplace(attached.guest.id, std::move(attached)).first->second.guest.address;
}

std::uint64_t Machine::remove_device(const sdk::Call& call, const std::string& id) {
  Qmp& qmp = running("remove a device");
  std::uint64_t operation = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = devices_.find(id);
    if (found == devices_.end()) throw sdk::Error(NACRE_E_NOT_FOUND, "there is no device \"" + id + "\"");
    if (!found->second.removable)
      throw sdk::Error(NACRE_E_UNSUPPORTED, "device \"" + id + "\" cannot be removed while the guest runs");
    if (found->second.removal != 0) return found->second.removal;
    operation = found->second.removal = next_operation_++;
  }
  try {
    qmp.execute(call, "device_del", {{"id", qemu_id(id)}});
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (const auto found = devices_.find(id); found != devices_.end()) found->second.removal = 0;
    throw;
  }
  return operation;
}

// QEMU looks at a block device itself, and takes no size beyond what that has. It would make a file of the
// size that it is told, so that must be the file's own.
void Machine::grow_device(const sdk::Call& call, const std::string& id, std::uint64_t bytes) {
  Qmp& qmp = running("grow a disk");
  std::string node;
  {
    const std::lock_guard lock(mutex_);
    const auto found = devices_.find(id);
    if (found == devices_.end()) throw sdk::Error(NACRE_E_NOT_FOUND, "there is no device \"" + id + "\"");
    if (found->second.guest.kind != NACRE_DEVICE_BLOCK)
      throw sdk::Error(NACRE_E_UNSUPPORTED, "device \"" + id + "\" is of a kind that cannot grow");
    node = disk::node_name(found->second.guest);
  }
  qmp.execute(call, "block_resize", {{"node-name", node}, {"size", bytes}});
}

std::vector<sdk::GuestDevice> Machine::describe() const {
  const std::lock_guard lock(mutex_);
  std::vector<sdk::GuestDevice> list;
  for (const auto& id : order_)
    list.push_back(devices_.at(id).guest);
  return list;
}

sdk::VmProcesses Machine::processes() {
  Qmp& qmp = running("name the machine's threads");
  if (vcpu_threads_.empty()) {
    const auto answer = qmp.execute(call_within(query_patience_ms), "query-cpus-fast");
    for (const auto& cpu : answer.as_array())
      vcpu_threads_.push_back(cpu.as_object().at("thread-id").to_number<std::int32_t>());
  }
  return {{process_->pid()}, vcpu_threads_};
}

void Machine::on_event(std::string_view name, const json::object& data) {
  if (name == "DEVICE_DELETED") {
    on_device_deleted(device_id_of(text_member(data, "device")));
  } else if (name == "DEVICE_UNPLUG_GUEST_ERROR") {
    on_unplug_refused(device_id_of(text_member(data, "device")));
  } else if (name == "GUEST_PANICKED") {
    events_.send(NACRE_EVENT_GUEST_PANIC);
  } else if (name == "RESET" || name == "SHUTDOWN") {
    const std::string reason = text_member(data, "reason");
    host_.debug("QEMU reports " + std::string(name) + ": " + reason.substr(0, 64));
    if (reason == "guest-reset") events_.send(NACRE_EVENT_GUEST_RESET);
  } else if (name == "BLOCK_IO_ERROR") {
    events_.send(NACRE_EVENT_IO_ERROR, 0, text_member(data, "reason"),
                 device_of_path(text_member(data, "qom-path")));
  }
}

void Machine::on_device_deleted(const std::string& id) {
  std::uint64_t operation = 0;
  std::vector<QmpStep> back;
  Place place;
  {
    const std::lock_guard lock(mutex_);
    const auto found = devices_.find(id);
    if (found == devices_.end()) return; // a part of a device, or one that was never completely there
    operation = found->second.removal;
    back = std::move(found->second.back);
    place = found->second.place;
    devices_.erase(found);
    std::erase(order_, id);
  }
  release(place);
  // Only then is the host's end free for others.
  take_back(back, [this, id, operation] {
    events_.send(NACRE_EVENT_DEVICE_REMOVED, 0, {}, id, operation);
    if (operation != 0) events_.send(NACRE_EVENT_OPERATION_DONE, 0, {}, id, operation);
  });
}

void Machine::on_unplug_refused(const std::string& id) {
  std::uint64_t operation = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = devices_.find(id);
    if (found == devices_.end()) return;
    operation = std::exchange(found->second.removal, 0);
  }
  if (operation != 0)
    events_.send(NACRE_EVENT_OPERATION_DONE, NACRE_E_PRECONDITION, "the guest did not let the device go", id,
                 operation);
}

// QEMU has ended, ends, or says what is no QMP: in no case may it go on.
void Machine::on_closed(std::string_view reason) {
  if (closing_) return;
  if (!process_->wait_for_exit(death_patience_ms)) {
    host_.warning(std::string(reason) + "; it is killed");
    process_->kill();
    process_->wait_for_exit(death_patience_ms);
  }
  const auto status = process_->exit_status();
  host_.debug("QEMU has ended: " + exit_words(status));
  events_.send(NACRE_EVENT_VM_EXITED, static_cast<std::uint64_t>(status.value_or(0)), exit_words(status));
  events_.close();
}

} // namespace nacre::qemu
