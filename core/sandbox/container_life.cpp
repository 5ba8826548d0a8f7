// Start of containers, and what is told of them.
#include "sandbox/sandbox_impl.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "base/process_identity.hpp"
#include "launch/holder_protocol.hpp"
#include "oci/file_io.hpp"
#include "sandbox/host_hooks.hpp"

#include <boost/json.hpp>
#include <csignal>
#include <ctime>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto start_deadline = 60s;
constexpr auto short_deadline = 20s;

std::uint64_t monotonic_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

} // namespace

void Sandbox::Impl::start_container(const std::string& id) {
  const std::lock_guard structural(structure);
  const auto container = find(id);
  switch (container->first->state().status) {
  case ProcessStatus::created:
    break;
  case ProcessStatus::paused:
    throw Error(ErrorCode::failed_precondition, "cannot start a container in the paused state");
  case ProcessStatus::stopped:
    throw Error(ErrorCode::failed_precondition, "cannot start a container that has stopped");
  default:
    throw Error(ErrorCode::failed_precondition, "cannot start an already running container");
  }
  if (!plan.runs_guest) {
    container->first->started();
    write_state(*container, oci::Status::running);
    return;
  }
  {
    const auto phase = timeline.phase("start-network", id);
    container->first->require_holder();
    network->follow(plan.nics_hot_add, tell_network());
  }
  {
    const auto phase = timeline.phase("start", id);
    if (dns) dns->wait_listening(short_deadline);
    container->first->require_holder();
    need_agent()->start_container(id, start_deadline);
  }
  container->first->started();
  if (!container->first->stopped()) write_state(*container, oci::Status::running);
  try {
    run_hooks(spawner, container->hooks.poststart, "poststart", container->bundle,
              hook_state(*container, oci::Status::running), vm->ended_fd());
  } catch (const Error&) { // runc ends the container; so does runtime-spec 1.2
    kill_all_of(*container);
    throw;
  }
  record_timeline();
}

void Sandbox::Impl::kill_all_of(Container& container) noexcept {
  agent_client::v1::SignalProcessRequest request;
  request.set_container_id(container.id);
  request.set_signal(SIGKILL);
  request.set_all(true);
  try {
    need_agent()->signal_process(request, short_deadline);
    container.first->wait_stopped();
  } catch (const Error&) { // it has ended already, or the guest has
  }
}

void Sandbox::Impl::write_state(Container& container, oci::Status status) {
  const std::lock_guard lock(container.state_mutex);
  auto& state = container.state;
  // A late "running" must not cover a "stopped" that the loop's thread has written.
  if (state.status == oci::Status::stopped) return;
  state.status = status;
  state.pid = container.first->pid();
  state.holder_start_ticks = container.first->holder_start_ticks();
  state.version = paths::version;
  state.sandbox_id = sandbox_id;
  state.sandbox_pid = ::getpid();
  state.sandbox_dir = own_folder;
  if (const auto identity = ProcessIdentity::of(::getpid()))
    state.sandbox_start_ticks = identity->start_ticks;
  state.protocols.holder = launch::holder_protocol_version;
  state.protocols.journal = journal::format_version;
  if (const auto connected = agent()) state.protocols.agent = connected->hello().version;
  if (!container.state_dir.empty()) oci::write_state(container.state_dir, state);
}

std::string Sandbox::Impl::hook_state(Container& container, oci::Status status) {
  const std::lock_guard lock(container.state_mutex);
  oci::State state = container.state;
  state.pid = container.first->pid();
  // The specification's members and no others, as runc does it: a container that has stopped has no pid.
  auto object = boost::json::parse(oci::to_oci_json(state, status)).as_object();
  for (const char* name : {"rootfs", "created", "owner"})
    object.erase(name);
  if (status == oci::Status::stopped) object.erase("pid");
  return boost::json::serialize(object);
}

// The guest's clock starts with the guest; one question tells how far it is behind the host's.
void Sandbox::Impl::record_timeline() {
  try {
    const auto connected = need_agent();
    const std::uint64_t before = monotonic_ns();
    const std::uint64_t guest_now = connected->check(short_deadline).boottime_ns();
    const std::uint64_t offset = before + (monotonic_ns() - before) / 2 - guest_now;
    const auto reply = connected->timeline(short_deadline);
    int count = 0;
    for (const auto& phase : reply.phases()) {
      if (++count > 100) break; // the guest is not trusted
      timeline.add({"guest." + phase.name().substr(0, 64), phase.object().substr(0, 256),
                    phase.start_ns() + offset, phase.end_ns() + offset});
    }
  } catch (const Error&) {
    // a container that has ended already has taken the guest with it; the host's phases are there all the
    // same
  }
  oci::replace_file(options.state_dir + "/timeline.json", timeline.to_json(), 0600, "write timeline");
}

} // namespace nacre::sandbox
