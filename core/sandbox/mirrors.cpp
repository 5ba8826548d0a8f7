#include "sandbox/mirrors.hpp"

#include "base/error.hpp"

#include <csignal>
#include <sys/epoll.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto list_deadline = 10000ms;
constexpr auto signal_deadline = 60000ms;
constexpr int ended_status = 0; // nobody waits for a mirror

// The guest could name any number of processes, and each costs one here.
constexpr std::size_t most_mirrors = 512;
constexpr std::size_t argv_bytes = 4096;
constexpr std::size_t argv_words = 256;
constexpr std::size_t name_bytes = 15; // the kernel's limit

std::vector<std::string> shown_argv(const agent_client::v1::ListProcessesReply::Process& process) {
  std::vector<std::string> argv;
  std::size_t left = argv_bytes;
  for (const auto& word : process.argv()) {
    if (argv.size() == argv_words || left == 0) break;
    // exec(2) takes strings: what follows a NUL would not be seen.
    argv.push_back(word.substr(0, std::min(left, word.find('\0'))));
    left -= argv.back().size();
  }
  // As ps(1) shows a process without arguments.
  if (argv.empty())
    argv.push_back("[" + process.name().substr(0, std::min(name_bytes, process.name().find('\0'))) + "]");
  return argv;
}

} // namespace

std::vector<GuestProcessEntry> mirrored_processes(const agent_client::v1::ListProcessesReply& reply) {
  std::vector<GuestProcessEntry> entries;
  std::set<std::uint32_t> seen;
  for (const auto& process : reply.processes()) {
    if (process.host_started() || process.guest_pid() == 0 || !seen.insert(process.guest_pid()).second)
      continue;
    if (entries.size() == most_mirrors) break;
    entries.push_back({process.guest_pid(), process.start_time_ticks(), shown_argv(process)});
  }
  return entries;
}

Mirrors::Mirrors(agent_client::IoLoop& loop, Agent agent, std::string container_id, Spawn spawn)
    : loop_(loop), agent_(std::move(agent)), container_id_(std::move(container_id)),
      spawn_(std::move(spawn)) {}

Mirrors::~Mirrors() {
  clear();
}

std::vector<int> Mirrors::refresh() {
  const std::lock_guard lock(refreshing_);
  const auto agent = agent_();
  if (!agent) return {};
  std::map<Key, std::vector<std::string>> known;
  // What ends from here on is remembered: its event may overtake the answer.
  loop_.run([&] { ended_meanwhile_.clear(); });
  const auto entries = mirrored_processes(agent->list_processes(container_id_, list_deadline, true));
  loop_.run([&] {
    for (const auto& [key, mirror] : mirrors_)
      known.emplace(key, mirror.argv);
  });
  std::set<Key> listed;
  for (const auto& entry : entries) {
    const Key key{entry.guest_pid, entry.start_time_ticks};
    listed.insert(key);
    // Another argv: it was seen between fork and exec before, and its mirror shows what it was.
    if (const auto old = known.find(key); old != known.end() && old->second == entry.argv) continue;
    auto holder = spawn_(entry.argv);
    loop_.run([&] { take(key, entry.argv, std::move(holder)); });
  }
  std::vector<int> pids;
  loop_.run([&] {
    ended_meanwhile_.clear();
    for (auto mirror = mirrors_.begin(); mirror != mirrors_.end();) {
      const auto current = mirror++;
      if (listed.contains(current->first))
        pids.push_back(current->second.holder->pid());
      else
        end(current);
    }
  });
  return pids;
}

void Mirrors::take(const Key& key, const std::vector<std::string>& argv,
                   std::unique_ptr<launch::Holder> holder) {
  if (closed_ || ended_meanwhile_.contains(key)) return holder->exit(ended_status);
  if (const auto old = mirrors_.find(key); old != mirrors_.end()) end(old);
  auto& mirror = mirrors_[key];
  mirror.argv = argv;
  mirror.holder = std::move(holder);
  launch::Holder::Callbacks callbacks;
  callbacks.on_signal = [this, key](int number) { forward_signal(key, number); };
  callbacks.on_death = [this, key] { forward_signal(key, SIGKILL); };
  mirror.holder->start(std::move(callbacks));
  mirror.watch = loop_.add(mirror.holder->fd(), EPOLLIN, [this, key](std::uint32_t) {
    const auto found = mirrors_.find(key);
    if (found == mirrors_.end()) return;
    found->second.holder->handle_readable();
    if (found->second.holder->fd() < 0) end(found); // it was killed
  });
}

void Mirrors::forward_signal(const Key& key, int number) {
  const auto agent = agent_();
  if (!agent) return;
  agent_client::v1::SignalProcessRequest request;
  request.set_container_id(container_id_);
  request.set_guest_pid(key.first);
  request.set_start_time_ticks(key.second);
  request.set_signal(static_cast<std::uint32_t>(number));
  agent->signal_process_async(request, signal_deadline, nullptr); // that it has ended meanwhile is fine
}

void Mirrors::ended(std::uint32_t guest_pid, std::uint64_t start_time_ticks) {
  const Key key{guest_pid, start_time_ticks};
  if (const auto found = mirrors_.find(key); found != mirrors_.end()) return end(found);
  if (ended_meanwhile_.size() < most_mirrors) ended_meanwhile_.insert(key);
}

void Mirrors::end(std::map<Key, Mirror>::iterator mirror) {
  loop_.remove(mirror->second.watch);
  mirror->second.holder->exit(ended_status);
  mirrors_.erase(mirror);
}

void Mirrors::clear() noexcept {
  loop_.run([&] {
    closed_ = true;
    while (!mirrors_.empty())
      end(mirrors_.begin());
  });
}

} // namespace nacre::sandbox
