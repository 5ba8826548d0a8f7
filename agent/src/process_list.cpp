#include "process_list.hpp"

#include "error.hpp"
#include "file.hpp"
#include "unique_fd.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace nacre::agent {

namespace {

std::vector<std::string_view> words(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> out;
  while (true) {
    const auto begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return out;
    text.remove_prefix(begin);
    const auto end = text.find_first_of(separators);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end);
  }
}

// Fields of /proc/PID/stat (proc(5)), counted from the one after the program's name, which may hold anything.
constexpr std::size_t state_field = 0;
constexpr std::size_t parent_field = 1;
constexpr std::size_t user_time_field = 11;
constexpr std::size_t system_time_field = 12;
constexpr std::size_t start_time_field = 19;
constexpr std::size_t resident_pages_field = 21;

bool read_stat(const std::string& folder, v1::ListProcessesReply::Process& out) {
  const auto text = try_read_file(folder + "/stat");
  const auto name_end = text ? text->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return false;
  if (const auto name_start = text->find('('); name_start < name_end)
    out.set_name(text->substr(name_start + 1, name_end - name_start - 1));
  const auto fields = words(std::string_view(*text).substr(name_end + 1), " \n");
  if (fields.size() <= resident_pages_field) return false;
  const auto number = [&](std::size_t field) { return parse_number(fields[field]).value_or(0); };
  const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  out.set_state(std::string(fields[state_field]));
  out.set_parent_guest_pid(static_cast<std::uint32_t>(number(parent_field)));
  out.set_cpu_time_ns((number(user_time_field) + number(system_time_field)) *
                      (1'000'000'000 / ticks_per_second));
  out.set_start_time_ticks(number(start_time_field));
  out.set_resident_bytes(number(resident_pages_field) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  return true;
}

void read_status(const std::string& folder, v1::ListProcessesReply::Process& out) {
  const auto text = try_read_file(folder + "/status").value_or("");
  for (const auto line : words(text, "\n")) {
    const auto values = words(line, " \t");
    if (values.size() < 2) continue;
    const auto number = [](std::string_view value) {
      return static_cast<std::uint32_t>(parse_number(value).value_or(0));
    };
    if (values[0] == "Uid:") out.set_uid(number(values[1]));
    // One pid for each nested namespace, the innermost last.
    if (values[0] == "NSpid:") out.set_container_pid(number(values.back()));
  }
}

} // namespace

bool describe_process(pid_t pid, v1::ListProcessesReply::Process& out, std::size_t& argv_budget) {
  constexpr std::size_t argv_limit = 4096; // as much as ps(1) of old showed; a process may have megabytes
  const auto folder = "/proc/" + std::to_string(pid);
  if (!read_stat(folder, out)) return false;
  out.set_guest_pid(static_cast<std::uint32_t>(pid));
  read_status(folder, out);
  const auto arguments = try_read_file(folder + "/cmdline").value_or("");
  std::string_view rest = std::string_view(arguments).substr(0, std::min(argv_limit, argv_budget));
  argv_budget -= rest.size();
  while (!rest.empty()) {
    const auto end = rest.find('\0');
    out.add_argv(std::string(rest.substr(0, end)));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return true;
}

void signal_listed_process(const Cgroup& cgroup, pid_t pid, std::uint64_t start_time_ticks, int signal) {
  const auto gone = Error(Code::not_found, "process " + std::to_string(pid) + " has ended");
  // Opened first: what is checked then is what gets the signal, or the signal reaches nobody.
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) throw gone;
  const auto members = cgroup.processes();
  v1::ListProcessesReply::Process found;
  if (std::ranges::find(members, pid) == members.end() || !read_stat("/proc/" + std::to_string(pid), found) ||
      found.start_time_ticks() != start_time_ticks)
    throw gone;
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0) return;
  if (errno == ESRCH) throw gone;
  throw system_error("cannot send signal " + std::to_string(signal) + " to process", std::to_string(pid));
}

} // namespace nacre::agent
