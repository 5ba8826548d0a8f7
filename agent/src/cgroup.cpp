#include "cgroup.hpp"

#include "error.hpp"
#include "file.hpp"

#include <cerrno>
#include <csignal>
#include <dirent.h>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <poll.h>
#include <sys/stat.h>

namespace nacre::agent {

namespace {

constexpr auto root = "/sys/fs/cgroup";
constexpr int freeze_timeout_ms = 10'000;

void for_each_entry(const std::string& folder,
                    const std::function<void(const std::string& name, bool is_folder)>& visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) return;
  while (const auto* entry = ::readdir(dir.get())) {
    if (entry->d_name[0] != '.') visit(entry->d_name, entry->d_type == DT_DIR);
  }
}

void collect_processes(const std::string& folder, std::vector<pid_t>& out) {
  const auto text = try_read_file(folder + "/cgroup.procs").value_or("");
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (const auto pid = parse_number(rest.substr(0, end))) out.push_back(static_cast<pid_t>(*pid));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  for_each_entry(folder, [&](const std::string& name, bool is_folder) {
    if (is_folder) collect_processes(folder + "/" + name, out);
  });
}

} // namespace

std::uint64_t flat_keyed_value(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ' ') {
      return parse_number(line.substr(name.size() + 1)).value_or(0);
    }
  }
  return 0;
}

Cgroup Cgroup::of_process(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/cgroup");
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    if (line.starts_with("0::/")) {
      const auto path = line.substr(3);
      return Cgroup(path == "/" ? root : root + std::string(path));
    }
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  throw Error(Code::internal, "process " + std::to_string(pid) + " is in no cgroup of version 2");
}

bool Cgroup::is_root() const noexcept {
  return folder_ == root;
}

std::vector<pid_t> Cgroup::processes() const {
  std::vector<pid_t> out;
  if (!is_root()) collect_processes(folder_, out);
  return out;
}

void Cgroup::signal_all(int signal) const {
  if (is_root()) throw Error(Code::failed_precondition, "the container has no cgroup of its own");
  if (signal == SIGKILL) {
    write_value(folder_ + "/cgroup.kill", "1");
    return;
  }
  for (const auto pid : processes())
    ::kill(pid, signal);
}

void Cgroup::freeze(bool frozen) const {
  if (is_root()) throw Error(Code::failed_precondition, "the container has no cgroup of its own");
  const auto events = folder_ + "/cgroup.events";
  write_value(folder_ + "/cgroup.freeze", frozen ? "1" : "0");
  // The kernel signals a change of cgroup.events by POLLPRI to whoever has read the file.
  const UniqueFd fd(::open(events.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw system_error("cannot open", events);
  while (true) {
    char text[256];
    const auto n = ::pread(fd.get(), text, sizeof text, 0);
    if (n < 0) throw system_error("cannot read", events);
    const auto now = flat_keyed_value({text, static_cast<std::size_t>(n)}, "frozen") == 1;
    if (now == frozen) return;
    pollfd waited{fd.get(), POLLPRI, 0};
    if (::poll(&waited, 1, freeze_timeout_ms) == 0) {
      throw Error(Code::unavailable, std::string("container did not ") + (frozen ? "freeze" : "thaw") +
                                         " within 10 s: a process of it is stuck in the kernel");
    }
  }
}

std::map<std::string, std::string> Cgroup::counters() const {
  static constexpr std::string_view prefixes[] = {"cpu.",     "memory.", "io.",  "pids.",
                                                  "hugetlb.", "rdma.",   "misc."};
  std::map<std::string, std::string> out;
  if (is_root()) return out;
  for_each_entry(folder_, [&](const std::string& name, bool is_folder) {
    if (is_folder) return;
    for (const auto prefix : prefixes) {
      if (!name.starts_with(prefix)) continue;
      if (auto content = try_read_file(folder_ + "/" + name)) out.emplace(name, std::move(*content));
    }
  });
  return out;
}

std::uint64_t Cgroup::oom_kills() const {
  const auto text = try_read_file(folder_ + "/memory.events");
  return text ? flat_keyed_value(*text, "oom_kill") : 0;
}

} // namespace nacre::agent
