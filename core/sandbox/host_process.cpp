#include "sandbox/host_process.hpp"

#include "base/error.hpp"
#include "base/process_identity.hpp"
#include "journal/core_undo.hpp"
#include "launch/proto/plan.pb.h"

#include <nacre/sdk/host.hpp>

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mount.h>

namespace nacre::sandbox {
namespace {

constexpr std::size_t output_tail_bytes = 8 * 1024;
constexpr std::size_t words_limit = 1500;

std::string describe(const launch::ExitStatus& status) {
  if (status.signal != 0) return "was killed by signal " + std::to_string(status.signal);
  return "exited with status " + std::to_string(status.code);
}

launch::FdUse* use_fd(launch::ProcessPlan& plan, std::vector<UniqueFd>& fds, UniqueFd fd,
                      std::uint32_t target) {
  auto* use = plan.add_fds();
  use->set_received(static_cast<std::uint32_t>(fds.size()));
  use->set_target(target);
  fds.push_back(std::move(fd));
  return use;
}

void enter(launch::ProcessPlan& plan, std::vector<UniqueFd>& fds, UniqueFd ns) {
  plan.add_enter_namespaces(static_cast<std::uint32_t>(fds.size()));
  fds.push_back(std::move(ns));
}

// Nobody else sees them: whatever the namespace is a copy of, its mounts are no peers of ours any more.
void add_mounts(launch::ProcessPlan& plan, std::vector<UniqueFd>& fds,
                std::vector<plugin::SpawnRequest::Mount>& mounts) {
  if (mounts.empty()) return;
  plan.set_unshare(plan.unshare() | CLONE_NEWNS);
  const auto add = [&](launch::MountStep::Kind kind, const std::string& target) {
    auto* step = plan.add_mounts();
    step->set_kind(kind);
    step->set_target(target);
    return step;
  };
  add(launch::MountStep::PROPAGATION, "/")->set_flags(MS_REC | MS_PRIVATE);
  for (auto& mount : mounts) {
    if (mount.tree) { // makes its target
      add(launch::MountStep::MOVE_FD, mount.target)->set_fd(static_cast<std::uint32_t>(fds.size()));
      fds.push_back(std::move(mount.tree));
      continue;
    }
    add(launch::MountStep::MKDIR, mount.target);
    auto* step = add(launch::MountStep::MOUNT, mount.target);
    step->set_source(mount.fstype);
    step->set_fstype(mount.fstype);
    step->set_data(mount.data);
    step->set_flags(MS_NOSUID | MS_NODEV);
  }
}

bool wait_for_end(int exit_fd, const plugin::Limits& limits) {
  const nacre_call call{sizeof call, limits.cancel_fd, limits.deadline_ns};
  try {
    sdk::Call(&call).wait(exit_fd, POLLIN);
    return true;
  } catch (const sdk::Error&) { // too late, or not wanted any more
    return false;
  }
}

UniqueFd duplicate(int fd) {
  return UniqueFd(check_errno(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "duplicate descriptor"));
}

} // namespace

HostProcesses::HostProcesses(launch::Spawner& spawner, agent_client::IoLoop& loop, journal::Journal& journal)
    : spawner_(spawner), loop_(loop), journal_(journal) {}

HostProcesses::~HostProcesses() {
  end_all();
}

std::unique_ptr<HostProcesses::Entry> HostProcesses::start(plugin::SpawnRequest request) {
  auto entry = std::make_unique<Entry>();
  entry->role = request.role;
  entry->output = std::make_unique<TailReader>(loop_, output_tail_bytes);

  launch::ProcessPlan plan;
  plan.set_role(request.role);
  for (const auto& argument : request.argv)
    plan.add_argv(argument);
  for (const auto& variable : request.env)
    plan.add_env(variable);
  for (const auto& file : cgroup_procs_)
    plan.add_cgroup_procs(file);
  plan.set_parent_death_signal(SIGKILL);

  std::vector<UniqueFd> fds;
  UniqueFd writer = entry->output->take_writer();
  use_fd(plan, fds, writer.duplicate(), 1);
  use_fd(plan, fds, std::move(writer), 2);
  for (auto& passed : request.fds)
    use_fd(plan, fds, std::move(passed.fd), passed.target);
  if (request.netns)
    enter(plan, fds, std::move(request.netns));
  else
    plan.set_unshare(plan.unshare() | CLONE_NEWNET); // a VMM needs no network but its taps
  if (request.in_pod_mounts && pod_mounts_fd_ >= 0) enter(plan, fds, duplicate(pod_mounts_fd_));
  add_mounts(plan, fds, request.mounts);
  if (confine_) confine_(request, plan);

  entry->process = spawner_.spawn(plan, std::move(fds));
  // The parent-death signal ends it with us; who cleans up after us must wait for that end.
  if (const auto identity = ProcessIdentity::of(entry->process.pid()))
    entry->record = journal_.append(journal::kill_process(*identity, request.role));
  return entry;
}

plugin::SpawnedProcess HostProcesses::spawn(const plugin::Limits&, plugin::SpawnRequest request) {
  auto entry = start(std::move(request));
  const int pid = entry->process.pid();
  const plugin::SpawnedProcess spawned{pid, entry->process.pidfd()};
  auto& kept = *entry;
  {
    const std::lock_guard lock(mutex_);
    entries_[pid] = std::move(entry);
  }
  watch(kept);
  return spawned;
}

plugin::EndedProcess HostProcesses::run(const plugin::Limits& limits, plugin::SpawnRequest request) {
  const auto entry = start(std::move(request));
  const bool ended = wait_for_end(entry->process.exit_fd(), limits);
  if (!ended) entry->process.signal(SIGKILL);
  const launch::ExitStatus status = entry->process.wait();
  if (entry->record != 0) journal_.done(entry->record);
  if (!ended)
    throw Error(ErrorCode::deadline_exceeded, "run", entry->role)
        .because("it was ended: its result came too late or is not wanted any more");
  entry->output->catch_up();
  return {status.signal != 0 ? status.signal : status.code << 8,
          entry->output->tail().last_lines(words_limit)};
}

void HostProcesses::watch(Entry& entry) {
  const int pid = entry.process.pid();
  loop_.run([&] {
    entry.watch = loop_.add(entry.process.exit_fd(), EPOLLIN, [this, pid](std::uint32_t) { ended(pid); });
  });
}

void HostProcesses::ended(int pid) {
  std::string role, how;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(pid);
    if (found == entries_.end()) return;
    auto& entry = *found->second;
    loop_.remove(entry.watch);
    entry.watch = 0;
    if (const auto status = entry.process.try_wait()) entry.ending = describe(*status);
    if (entry.record != 0) journal_.done(entry.record);
    entry.record = 0;
    role = entry.role;
    how = entry.ending.empty() ? "ended" : entry.ending;
  }
  if (told_ended_) told_ended_(role, how);
}

void HostProcesses::signal(int pid, int number) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(pid);
  if (found == entries_.end())
    throw Error(ErrorCode::not_found, "signal process", std::to_string(pid))
        .because("it is none of this pod's");
  found->second->process.signal(number);
}

std::string HostProcesses::last_words(const std::string& role, std::size_t limit) {
  std::vector<Entry*> speakers;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [pid, entry] : entries_)
      if (entry->role == role) speakers.push_back(entry.get());
  }
  std::string words;
  for (auto* speaker : speakers) { // entries stay until end_all()
    speaker->output->catch_up();
    words += (words.empty() ? "" : " | ") + speaker->output->tail().last_lines(limit);
  }
  return words;
}

std::string HostProcesses::ending(const std::string& role) {
  const std::lock_guard lock(mutex_);
  for (const auto& [pid, entry] : entries_) {
    if (entry->role != role) continue;
    if (entry->ending.empty())
      if (const auto status = entry->process.try_wait()) entry->ending = describe(*status);
    if (!entry->ending.empty()) return entry->ending;
  }
  return {};
}

std::string HostProcesses::ended_helper(const std::string& but_role, std::size_t limit) {
  std::vector<std::string> roles;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [pid, entry] : entries_)
      if (entry->role != but_role) roles.push_back(entry->role);
  }
  for (const auto& role : roles) {
    const auto how = ending(role);
    if (how.empty()) continue;
    const auto words = last_words(role, limit);
    return role + " " + how + (words.empty() ? "" : ", which wrote last: " + words);
  }
  return {};
}

void HostProcesses::end_all() noexcept {
  std::map<int, std::unique_ptr<Entry>> entries;
  {
    const std::lock_guard lock(mutex_);
    entries.swap(entries_);
  }
  for (const auto& [pid, entry] : entries) {
    try {
      loop_.run([&] { loop_.remove(entry->watch); });
      entry->process = launch::Process(); // kills and reaps
      if (entry->record != 0) journal_.done(entry->record);
    } catch (const std::exception&) {
      // its record stays: whoever plays the journal back ends it
    }
  }
}

} // namespace nacre::sandbox
