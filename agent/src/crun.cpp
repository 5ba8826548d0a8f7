#include "crun.hpp"

#include "error.hpp"
#include "file.hpp"

#include <cctype>
#include <cerrno>
#include <sys/mman.h>

namespace nacre::agent {

namespace {

constexpr auto program = "/usr/bin/crun";

pid_t read_pid(const std::string& file) {
  const auto text = try_read_line(file);
  const auto pid = text ? parse_number(*text) : std::nullopt;
  if (!pid || *pid == 0) throw Error(Code::internal, "crun left no process id in " + quoted(file));
  return static_cast<pid_t>(*pid);
}

std::string read_memory_file(int fd) {
  std::string text;
  char chunk[1024];
  ::lseek(fd, 0, SEEK_SET);
  while (true) {
    const auto n = ::read(fd, chunk, sizeof chunk);
    if (n <= 0) return text;
    text.append(chunk, static_cast<std::size_t>(n));
  }
}

void add_launch(std::vector<std::string>& arguments, const Crun::Launch& launch) {
  if (!launch.console_socket.empty())
    arguments.insert(arguments.end(), {"--console-socket", launch.console_socket});
  if (!launch.descriptors.empty())
    arguments.insert(arguments.end(), {"--preserve-fds", std::to_string(launch.descriptors.size())});
}

} // namespace

Code code_of_runtime_error(std::string_view text) {
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  if (has("ermission denied")) return Code::permission_denied;
  if (has("o such file or directory") || has("not found") || has("does not exist")) return Code::not_found;
  if (has("already exists")) return Code::already_exists;
  if (has("not running") || has("is paused") || has("is not in")) return Code::failed_precondition;
  return Code::internal;
}

std::string runtime_error_text(std::string_view log) {
  while (!log.empty() && log.back() == '\n')
    log.remove_suffix(1);
  const auto newline = log.rfind('\n');
  if (newline != std::string_view::npos) log.remove_prefix(newline + 1);
  // "2024-01-31T12:00:00.000000Z: text"; on a terminal crun leaves the time out.
  const auto space = log.find(": ");
  if (space != std::string_view::npos && log.size() > 10 && log[4] == '-' && log[7] == '-') {
    log.remove_prefix(space + 2);
  }
  return std::string(log);
}

void Crun::run(const std::string& operation, std::vector<std::string> arguments, const Launch& launch) {
  // crun's own words must not mix with the container's stderr, so its log is a memory file on the first
  // descriptor that the container's process does not get.
  const UniqueFd log(::memfd_create("crun-log", MFD_CLOEXEC));
  if (!log) throw system_error("cannot make", "memory file for crun's log");
  SpawnPlan plan;
  const auto log_number = std::to_string(3 + launch.descriptors.size());
  plan.argv = {program,    "--cgroup-manager=cgroupfs",         "--root",
               state_root, "--log=/proc/self/fd/" + log_number, operation};
  plan.argv.insert(plan.argv.end(), arguments.begin(), arguments.end());
  plan.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  plan.stdio = launch.stdio;
  plan.more = launch.descriptors;
  plan.more.push_back(log.get());
  const auto status = reaper_.run_program(plan);
  if (status == 0) return;
  const auto text = runtime_error_text(read_memory_file(log.get()));
  if (text.empty())
    throw Error(Code::internal,
                "crun " + operation +
                    (status > 128 ? " was ended by signal " + std::to_string(status - 128)
                                  : " ended with status " + std::to_string(status) + " and no message"));
  const bool about_a_process = operation == "create" || operation == "exec";
  throw Error(code_of_runtime_error(text), about_a_process ? refusal_mark + text : text);
}

pid_t Crun::create(const std::string& id, const std::string& bundle, const Launch& launch) {
  const auto pid_file = bundle + "/pid";
  std::vector<std::string> arguments = {"--bundle", bundle, "--pid-file", pid_file, "--no-subreaper"};
  add_launch(arguments, launch);
  arguments.push_back(id);
  run("create", std::move(arguments), launch);
  return read_pid(pid_file);
}

pid_t Crun::exec(const std::string& id, const std::string& process_file, const std::string& pid_file,
                 const Launch& launch) {
  std::vector<std::string> arguments = {"--detach", "--process", process_file, "--pid-file", pid_file};
  add_launch(arguments, launch);
  arguments.push_back(id);
  run("exec", std::move(arguments), launch);
  return read_pid(pid_file);
}

void Crun::start(const std::string& id) {
  run("start", {id}, {});
}

void Crun::update(const std::string& id, const std::string& resources_file) {
  run("update", {"--resources", resources_file, id}, {});
}

void Crun::remove(const std::string& id, bool force) {
  std::vector<std::string> arguments;
  if (force) arguments.emplace_back("--force");
  arguments.push_back(id);
  run("delete", std::move(arguments), {});
}

} // namespace nacre::agent
