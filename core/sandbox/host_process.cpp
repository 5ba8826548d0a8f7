#include "sandbox/host_process.hpp"

#include "base/error.hpp"
#include "base/process_identity.hpp"
#include "journal/core_undo.hpp"
#include "launch/proto/plan.pb.h"

#include <csignal>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>

namespace nacre::sandbox {
namespace {

constexpr std::size_t output_tail_bytes = 8 * 1024;

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

UniqueFd duplicate(int fd) {
  return UniqueFd(check_errno(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "duplicate descriptor"));
}

} // namespace

HostProcesses::HostProcesses(launch::Spawner& spawner, agent_client::IoLoop& loop, journal::Journal& journal)
    : spawner_(spawner), loop_(loop), journal_(journal) {}

HostProcesses::~HostProcesses() {
  end_all();
}

plugin::SpawnedProcess HostProcesses::spawn(const plugin::Limits&, plugin::SpawnRequest request) {
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
  if (confine_) confine_(request, plan);

  entry->process = spawner_.spawn(plan, std::move(fds));
  const int pid = entry->process.pid();
  const plugin::SpawnedProcess spawned{pid, entry->process.pidfd()};
  // The parent-death signal ends it with us; who cleans up after us must wait for that end.
  if (const auto identity = ProcessIdentity::of(pid))
    entry->record = journal_.append(journal::kill_process(*identity, request.role));
  auto& kept = *entry;
  {
    const std::lock_guard lock(mutex_);
    entries_[pid] = std::move(entry);
  }
  watch(kept);
  return spawned;
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
