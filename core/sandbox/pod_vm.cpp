#include "sandbox/pod_vm.hpp"

#include "agent_client/dial.hpp"
#include "base/error.hpp"
#include "sandbox/cpu_demand.hpp"

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t console_tail_bytes = 16 * 1024;
constexpr auto operation_limit = 60s; // of one QMP-like conversation; a slow host is slow

plugin::Limits limits(int cancel_fd = -1) {
  return plugin::Limits::within(operation_limit, cancel_fd);
}

} // namespace

PodVm::PodVm(plugin::Vm& vm, agent_client::IoLoop& loop, std::function<void(const std::string&)> died)
    : vm_(vm), loop_(loop), died_(std::move(died)), console_(loop, console_tail_bytes) {}

PodVm::~PodVm() {
  stop();
}

void PodVm::start(plugin::VmDescription description) {
  description.console = sdk::Fd(console_.take_writer().release());
  {
    const std::lock_guard lock(mutex_);
    if (given_up_)
      throw Error(ErrorCode::aborted, "start the virtual machine").because("nobody wants it any more");
    tried_ = started_ = true;
    vm_.start(limits(), std::move(description));
    const auto processes = vm_.processes();
    if (!processes.pids.empty()) vmm_pid_ = processes.pids.front();
    if (vmm_pid_ > 0) {
      // The VMM is a child of ours that only the loop reaps, so the pid cannot have been given to another
      // meanwhile.
      vmm_pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, vmm_pid_, 0)));
      if (!vmm_pidfd_) throw Error::from_errno(errno, "watch the virtual machine monitor", plugin().label());
    }
  }
  built_ = true;
  watch();
}

void PodVm::watch() {
  loop_.run([this] {
    if (const int fd = vm_.events_fd(); fd >= 0)
      events_watch_ = loop_.add(fd, EPOLLIN, [this](std::uint32_t) { handle_events(); });
    if (vmm_pidfd_)
      end_watch_ =
          loop_.add(vmm_pidfd_.get(), EPOLLIN, [this](std::uint32_t) { report_death("it has ended"); });
  });
}

// On the loop's thread.
void PodVm::handle_events() {
  const plugin::Events events = vm_.take_events(); // reads a socket: no call of the plugin is under way in it
  note_operations(events);
  if (events.ended) {
    loop_.remove(events_watch_);
    events_watch_ = 0;
  }
  for (const auto& event : events.list) {
    if (event.kind == NACRE_EVENT_VM_EXITED) return report_death("it has ended");
    if (event.kind == NACRE_EVENT_GUEST_PANIC) return report_death("the guest's kernel panicked");
    if (event.kind == NACRE_EVENT_GUEST_RESET) return report_death("the guest reset itself");
  }
}

void PodVm::report_death(const std::string& how) {
  loop_.remove(events_watch_);
  loop_.remove(end_watch_);
  events_watch_ = end_watch_ = 0;
  end_operations();
  if (const auto died = std::exchange(died_, nullptr)) died(how);
}

// A number that changes between two calls when the guest has said something, or had work. An idle guest has a
// little of it too: its timers.
std::function<std::uint64_t()> PodVm::signs_of_life(std::chrono::milliseconds quiet_limit) const {
  const std::chrono::nanoseconds idle_share = quiet_limit / 20;
  return [this, idle_share, last = cpu_demand(vmm_pid_), busy_times = std::uint64_t{0}]() mutable {
    const auto now = cpu_demand(vmm_pid_);
    if (now - std::exchange(last, now) > idle_share) ++busy_times;
    return console_.tail().total() + busy_times;
  };
}

bool PodVm::wait_for_end(std::chrono::milliseconds limit) const {
  pollfd ended{vmm_pidfd_.get(), POLLIN, 0};
  return ::poll(&ended, 1, static_cast<int>(limit.count())) > 0;
}

UniqueFd PodVm::connect(std::chrono::milliseconds quiet_limit, agent_client::HelloResult& hello) {
  agent_client::HelloOptions options;
  options.cancel_fd = vmm_pidfd_.get();
  options.quiet_limit = quiet_limit;
  options.signs_of_life = signs_of_life(quiet_limit);
  plugin::AgentChannel channel;
  {
    const std::lock_guard lock(mutex_);
    channel = vm_.connect(limits(vmm_pidfd_.get()));
  }
  UniqueFd fd;
  switch (channel.kind) {
  case NACRE_CHANNEL_FD:
    fd = UniqueFd(channel.fd.release());
    break;
  case NACRE_CHANNEL_VSOCK:
    fd = agent_client::dial_vsock(channel.cid, channel.port, options);
    break;
  case NACRE_CHANNEL_HYBRID_VSOCK:
    fd = agent_client::dial_hybrid_vsock(channel.path, channel.port, options);
    break;
  default:
    throw Error(ErrorCode::unimplemented, "connect to the agent")
        .because("plugin " + plugin().label() + " offers channel kind " + std::to_string(channel.kind));
  }
  if (!fd)
    throw Error(ErrorCode::unavailable, "connect to the agent")
        .because("plugin " + plugin().label() + " gave no channel");
  hello = agent_client::exchange_hello(fd.get(), options);
  return fd;
}

std::string PodVm::add_device(plugin::Device device) {
  const std::lock_guard lock(mutex_);
  return vm_.add_device(limits(vmm_pidfd_.get()), std::move(device)).address;
}

void PodVm::remove_device(const std::string& id) {
  const std::lock_guard lock(mutex_);
  vm_.remove_device(limits(vmm_pidfd_.get()), id);
}

void PodVm::grow_device(const std::string& id, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  vm_.grow_device(limits(vmm_pidfd_.get()), id, bytes);
}

void PodVm::remove_device_wholly(const std::string& id) {
  std::uint64_t operation = 0;
  {
    const std::lock_guard lock(mutex_);
    operation = vm_.remove_device(limits(vmm_pidfd_.get()), id);
  }
  if (operation != 0) await(operation, "remove device", id);
}

void PodVm::await(std::uint64_t operation, const std::string& what, const std::string& object) {
  std::unique_lock lock(operations_mutex_);
  const auto ended = [&] { return events_ended_ || ended_operations_.contains(operation); };
  if (!operations_changed_.wait_for(lock, operation_limit, ended))
    throw Error(ErrorCode::deadline_exceeded, what, object).because("the guest has not let it go");
  const auto event = ended_operations_.extract(operation);
  if (event.empty())
    throw Error(ErrorCode::unavailable, what, object).because("the virtual machine has ended");
  if (event.mapped().value != 0)
    throw Error(ErrorCode::failed_precondition, what, object).because(event.mapped().text);
}

void PodVm::end_operations() {
  const std::lock_guard lock(operations_mutex_);
  events_ended_ = true;
  operations_changed_.notify_all();
}

// Operations that nobody waits for (a NIC goes with its link) leave a few numbers here.
void PodVm::note_operations(const plugin::Events& events) {
  const std::lock_guard lock(operations_mutex_);
  for (const auto& event : events.list)
    if (event.kind == NACRE_EVENT_OPERATION_DONE) ended_operations_[event.operation] = event;
  if (events.ended) events_ended_ = true;
  operations_changed_.notify_all();
}

std::map<std::string, std::string> PodVm::addresses() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> found;
  for (const auto& device : vm_.describe(limits(vmm_pidfd_.get())))
    found[device.id] = device.address;
  return found;
}

void PodVm::give_up() noexcept {
  const std::lock_guard lock(mutex_);
  given_up_ = true;
  if (vmm_pidfd_) ::syscall(SYS_pidfd_send_signal, vmm_pidfd_.get(), SIGKILL, nullptr, 0);
}

void PodVm::stop() noexcept {
  try {
    loop_.run([this] {
      loop_.remove(events_watch_);
      loop_.remove(end_watch_);
      events_watch_ = end_watch_ = 0;
      end_operations();
      died_ = nullptr;
    });
    const std::lock_guard lock(mutex_);
    if (std::exchange(started_, false)) vm_.stop(limits(), false);
  } catch (const std::exception&) {
    // HostProcesses ends the VMM in any case
  }
}

} // namespace nacre::sandbox
