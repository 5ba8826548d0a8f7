// The end of processes, containers and the pod, wanted or not.
#include "sandbox/sandbox_impl.hpp"

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "base/process_identity.hpp"
#include "journal/core_undo.hpp"
#include "plugin/undo.hpp"
#include "sandbox/host_hooks.hpp"

#include <algorithm>
#include <csignal>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto remove_deadline = 30s;
constexpr auto farewell_deadline = 3s;         // a guest that hangs is not waited for
constexpr auto disks_farewell_deadline = 120s; // one that has much to write to a slow disk is
constexpr std::size_t words_limit = 800;
constexpr std::uint32_t killed_status = 128 + SIGKILL;

} // namespace

Sandbox::Impl::~Impl() {
  if (janitor.joinable()) janitor.join();
  end_vm();
  containers.clear(); // their processes use the loop, which goes first
}

void Sandbox::Impl::log(LogLevel level, const std::string& text) const {
  try {
    if (events.log) events.log(level, text);
  } catch (const std::exception&) {
    // a full disk must not stop a container
  }
}

bool Sandbox::Impl::is_known(const std::string& container_id) const {
  const std::lock_guard lock(mutex);
  return containers.contains(container_id);
}

GuestProcess::Callbacks Sandbox::Impl::process_callbacks() {
  GuestProcess::Callbacks callbacks;
  callbacks.stopping = [this](GuestProcess& process) {
    if (!process.exec_id().empty()) return;
    std::shared_ptr<Container> container;
    {
      const std::lock_guard lock(mutex);
      const auto found = containers.find(process.container_id());
      if (found != containers.end()) container = found->second;
    }
    if (container && container->mirrors) container->mirrors->clear();
    try {
      if (container) write_state(*container, oci::Status::stopped);
    } catch (const Error&) {
      // the disk is full or the folder gone: the holder's death says "stopped" as well (oci::current_status)
    }
  };
  callbacks.stopped = [this](GuestProcess& process, const ProcessState& state) {
    // Nobody was told of a container whose create failed, nor of an exec that never ran.
    const bool known = process.exec_id().empty() ? is_known(process.container_id()) : process.ever_started();
    if (known && events.exited) events.exited(state);
    if (known && process.exec_id().empty()) end_pod_with(process);
  };
  callbacks.holder_died = [](GuestProcess&) {};
  return callbacks;
}

// A pod lives as long as its sandbox container: without it nobody would ever end the others, which an engine
// kills first when all is in order.
void Sandbox::Impl::end_pod_with(const GuestProcess& process) {
  std::vector<std::shared_ptr<GuestProcess>> others;
  {
    const std::lock_guard lock(mutex);
    const auto ended = containers.find(process.container_id());
    if (ended == containers.end() || ended->second->pod.role != oci::PodMembership::Role::sandbox) return;
    for (const auto& [id, container] : containers)
      if (id != ended->first && !container->first->stopped()) others.push_back(container->first);
  }
  const auto connected = agent();
  for (const auto& other : others) {
    if (!connected) break; // the VM has ended, and all with it
    agent_client::v1::SignalProcessRequest request;
    request.set_container_id(other->container_id());
    request.set_signal(SIGKILL);
    request.set_all(true);
    connected->signal_process_async(request, remove_deadline, nullptr); // that it has ended meanwhile is fine
  }
}

void Sandbox::Impl::vm_died(const std::string& how) {
  {
    const std::lock_guard lock(mutex);
    if (!death.empty()) return;
    death = "the virtual machine is gone: " + how;
  }
  vm->catch_up();
  log(LogLevel::error, "sandbox " + sandbox_id + ": the virtual machine is gone: " + how +
                           "; the guest's console ends with: " + vm->console().last_lines(4096));
  if (starting) {
    if (const auto connected = agent())
      connected->disconnect(); // who waits for an answer need not wait longer
    return;
  }
  if (janitor.joinable()) return;
  janitor = std::thread([this] {
    lose_processes();
    const std::lock_guard structural(structure);
    end_vm();
  });
}

// A helper (virtiofsd ...) serves what the guest has mounted or sends through: without it the guest would
// hang there. The VMM's own end is told by its plugin; helpers end with its connection.
void Sandbox::Impl::process_ended(const std::string& role, const std::string& how) {
  if (role == "vmm" || !processes->ending("vmm").empty()) return;
  const auto helper = processes->ended_helper("vmm", words_limit);
  vm_died("its helper " + (helper.empty() ? role + " " + how : helper));
}

void Sandbox::Impl::lose_processes() {
  std::vector<std::shared_ptr<GuestProcess>> processes_left;
  std::string why;
  {
    const std::lock_guard lock(mutex);
    why = death;
    for (const auto& [id, container] : containers) {
      for (const auto& [exec_id, exec] : container->execs)
        processes_left.push_back(exec.process);
      processes_left.push_back(container->first);
    }
  }
  for (const auto& process : processes_left)
    process->lost(killed_status);
  if (events.sandbox_died && !why.empty()) loop.run([&] { events.sandbox_died(why); });
}

void Sandbox::Impl::end_vm() noexcept {
  network_watch.reset();
  dns.reset(); // its stream, too, keeps the connection in use
  ports.reset();
  sockets.reset();
  std::shared_ptr<agent_client::AgentClient> last;
  {
    const std::lock_guard lock(mutex);
    if (death.empty()) death = "the sandbox has ended";
    last = std::exchange(client, nullptr);
  }
  try {
    loop.run([&] {
      if (event_stream) event_stream->cancel();
      event_stream.reset();
    });
    if (last) {
      last->disconnect();
      last->wait_idle();
      last.reset();
    }
  } catch (const std::exception&) {
  }
  if (vm) vm->stop();
  network_follower.reset(); // what it was doing has failed by now
  folders.reset();
  if (processes) processes->end_all();
  if (storage) storage->release();
  if (network) network->release();
  mounts.reset();
}

void Sandbox::Impl::remove_pod() noexcept {
  end_vm();
  std::shared_ptr<PodVm> last_vm;
  const auto quietly = [this](auto&& step) {
    try {
      step();
    } catch (const std::exception& error) { // what is left stays in the journal, and the journal stays
      log(LogLevel::warning, error.what());
    }
  };
  if (cgroup) {
    cgroup->leave();
    quietly([&] { cgroup->remove(); });
  }
  network.reset();
  storage.reset();
  {
    const std::lock_guard lock(mutex);
    last_vm = std::move(vm);
  }
  last_vm.reset();
  plugins.reset();
  if (folder) quietly([&] { folder->remove(); });
  folder.reset();
  if (journal)
    quietly([&] {
      if (!journal->records().empty()) return;
      journal->remove();
      if (!own_folder.empty()) journal::undo_core(journal::remove_folder(own_folder, true));
    });
  cgroup.reset();
}

ProcessState Sandbox::Impl::delete_exec(const std::string& container_id, const std::string& exec_id) {
  const auto container = find(container_id);
  const auto process = find_process(container_id, exec_id);
  auto state = process->state();
  if (state.status == ProcessStatus::created) { // never started
    process->lost(killed_status);
    state = process->state();
  } else if (state.status != ProcessStatus::stopped) {
    throw Error(ErrorCode::failed_precondition, "delete exec", exec_id).because("it is still running");
  } else if (const auto connected = agent()) {
    try {
      connected->remove_process(container_id, exec_id, remove_deadline);
    } catch (const Error&) {
      // the guest has forgotten it already, or is gone
    }
  }
  process->abandon_stdio();
  const std::lock_guard lock(mutex);
  container->execs.erase(exec_id);
  return state;
}

ProcessState Sandbox::Impl::delete_container(const std::string& id) {
  const auto container = find(id);
  if (container->first->state().status ==
      ProcessStatus::created) { // its process waits for a start that never comes
    if (const auto connected = agent()) {
      agent_client::v1::SignalProcessRequest request;
      request.set_container_id(id);
      request.set_signal(SIGKILL);
      request.set_all(true);
      try {
        connected->signal_process(request, remove_deadline);
      } catch (const Error&) {
        container->first->lost(killed_status);
      }
    } else {
      container->first->lost(killed_status);
    }
    container->first->wait_stopped();
  }
  const auto state = container->first->state();
  if (state.status != ProcessStatus::stopped)
    throw Error(ErrorCode::failed_precondition,
                "cannot delete container " + id + " that is not stopped: " + to_string(state.status));

  const std::lock_guard structural(structure);
  bool last;
  std::map<std::string, Container::Exec> execs;
  {
    const std::lock_guard lock(mutex);
    if (!containers.contains(id)) // another delete was quicker
      throw Error(ErrorCode::not_found, "cannot delete container " + id + ": it is deleted already");
    last = containers.size() == 1;
    execs.swap(container->execs);
  }
  for (const auto& [exec_id, exec] : execs)
    exec.process->lost(killed_status);
  execs.clear();
  container->first->abandon_stdio();
  stop_in_guest(id, last);
  forget_container(*container, last);
  return state;
}

void Sandbox::Impl::stop_in_guest(const std::string& id, bool last) {
  const auto phase = timeline.phase("stop", id);
  if (sockets) sockets->drop(id);
  if (folders) folders->drop(id);
  if (const auto connected = agent()) {
    try {
      if (last)
        connected->destroy_sandbox(storage && storage->has_disks() ? disks_farewell_deadline
                                                                   : farewell_deadline);
      else
        connected->remove_container(id, true, remove_deadline);
    } catch (const Error& error) {
      // the VM goes with the last container in any case; before that, the agent has lost the container itself
      log(LogLevel::debug, error.what());
    }
  }
  if (last)
    end_vm();
  else if (storage)
    storage->detach(id);
}

void Sandbox::Impl::run_poststop(Container& container) noexcept {
  try {
    run_hooks(spawner, container.hooks.poststop, "poststop", container.bundle,
              hook_state(container, oci::Status::stopped));
  } catch (const std::exception& error) {
    log(LogLevel::warning, error.what()); // the specification: the delete goes on
  }
}

void Sandbox::Impl::forget_container(Container& container, bool last) {
  const auto phase = timeline.phase("delete", container.id);
  run_poststop(container);
  forget_volumes(container);
  {
    const std::lock_guard lock(mutex);
    containers.erase(container.id);
  }
  if (last)
    remove_pod();
  else
    leave_home_of(container);
}

// The sandbox's journal is in the folder of its first container, which `nacre delete` removes with it: the
// others' sandbox goes on in a folder of its own. At containerd's door the folder stays until the sandbox
// ends.
void Sandbox::Impl::leave_home_of(Container& container) {
  if (!options.namespace_name.empty() || container.state_dir != options.state_dir) return;
  const auto slash = options.state_dir.rfind('/');
  std::uint64_t ticks = 0;
  if (const auto self = ProcessIdentity::of(::getpid())) ticks = self->start_ticks;
  own_folder = options.state_dir.substr(0, slash) + "/.sandbox-" + std::to_string(::getpid()) + "-" +
               std::to_string(ticks);
  if (::mkdir(own_folder.c_str(), 0700) < 0) throw_errno("make folder", own_folder);
  std::vector<std::shared_ptr<Container>> left;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [id, other] : containers)
      left.push_back(other);
  }
  // First the word of it, then the move: whoever cleans up after us looks in both places.
  for (const auto& other : left) {
    const std::lock_guard lock(other->state_mutex);
    other->state.sandbox_dir = own_folder;
    if (!other->state_dir.empty()) oci::write_state(other->state_dir, other->state);
  }
  journal->move(own_folder + "/journal");
  {
    const std::lock_guard lock(container.state_mutex);
    container.state.sandbox_dir = own_folder;
    oci::write_state(container.state_dir, container.state);
  }
  options.state_dir = own_folder;
}

// ---- after the sandbox process's own death ----

namespace {

// What the state file names has been killed, but may still be on its way out, and would keep cgroups and
// mounts busy.
void wait_for_the_dead(const std::string& state_dir) {
  oci::State state;
  try {
    state = oci::read_state(state_dir);
  } catch (const Error&) {
    return; // no state was written yet, or it is damaged: the journal says the rest
  }
  if (state.sandbox_pid > 0)
    journal::undo_core(
        journal::kill_process({state.sandbox_pid, state.sandbox_start_ticks}, "sandbox process"));
  if (state.pid > 0)
    journal::undo_core(journal::kill_process({state.pid, state.holder_start_ticks}, "holder"));
}

} // namespace

void clean_up_dead_sandbox(const std::string& state_dir) {
  wait_for_the_dead(state_dir);
  const std::string journal_folder = state_dir + "/journal";
  std::string problems;
  struct stat status;
  if (::stat(journal_folder.c_str(), &status) == 0) {
    journal::Journal journal(journal_folder);
    plugin::Registry registry;
    plugin::HostEnvironment environment;
    environment.journal = &journal;
    std::vector<std::string> damaged;
    auto records = journal.records(&damaged);
    // What a process holds (a disk, a link) cannot be put back before it has ended.
    std::stable_partition(records.begin(), records.end(), journal::ends_process);
    for (const auto& record : records) {
      try {
        failpoint("undo." + record.name);
        if (record.kind == journal::core_kind)
          journal::undo_core(record);
        else
          plugin::undo(registry, environment, plugin::Limits::within(60s), record);
        journal.done(record.id);
      } catch (const Error& error) {
        problems += (problems.empty() ? "" : "; ") + std::string(error.what());
      }
    }
    for (const auto& name : damaged)
      problems += (problems.empty() ? "" : "; ") + ("damaged record \"" + name + "\"");
  }
  if (!problems.empty())
    throw Error(ErrorCode::internal, "clean up after a dead sandbox", state_dir).because(problems);
  journal::undo_core(journal::remove_folder(state_dir, true));
}

} // namespace nacre::sandbox
