// What the tests of nacre-launch share: real processes, and what /proc says of them.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "launch/launch_error.hpp"
#include "launch/proto/plan.pb.h"
#include "launch/spawner.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <set>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <utility>
#include <vector>

namespace nacre::launch::test {

inline const char* const program = NACRE_LAUNCH_PROGRAM; // the nacre-launch just built

inline std::pair<UniqueFd, UniqueFd> make_pipe() {
  int ends[2];
  check_errno(::pipe2(ends, O_CLOEXEC), "pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

inline std::string read_to_end(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The value of a "Name:\tvalue" line of /proc/PID/status.
inline std::string status_field(pid_t pid, const std::string& name) {
  std::istringstream lines(read_file("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name + ":")) return line.substr(line.find_first_not_of(" \t", name.size() + 1));
  return "";
}

inline std::set<int> open_descriptors(pid_t pid) {
  std::set<int> fds;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
    fds.insert(std::stoi(entry.path().filename().string()));
  return fds;
}

inline std::string link_of(pid_t pid, const std::string& name) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/" + name, error).string();
}

inline bool readable_within(int fd, int milliseconds) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, milliseconds) > 0;
}

// A folder of its own, removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "nacre-unit-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw_errno("make folder", name);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

inline ProcessPlan plan_for(std::vector<std::string> argv) {
  ProcessPlan plan;
  plan.set_role("test");
  plan.set_parent_death_signal(SIGKILL);
  for (auto& argument : argv)
    plan.add_argv(std::move(argument));
  return plan;
}

inline void use_fd(ProcessPlan& plan, std::uint32_t received, std::uint32_t target) {
  FdUse& use = *plan.add_fds();
  use.set_received(received);
  use.set_target(target);
}

// A process that echoes what it is told (cat): once it has answered, it is past its own start.
struct EchoProcess {
  Process process;
  UniqueFd to;
  UniqueFd from;

  void ping() {
    char byte = 'x';
    if (::write(to.get(), &byte, 1) != 1 || ::read(from.get(), &byte, 1) != 1) throw_errno("ping");
  }
};

inline EchoProcess start_echo(Spawner& spawner, ProcessPlan plan = plan_for({"/bin/cat"}),
                              std::vector<UniqueFd> further = {}) {
  auto [in_read, in_write] = make_pipe();
  auto [out_read, out_write] = make_pipe();
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(in_read));
  fds.push_back(std::move(out_write));
  for (auto& fd : further)
    fds.push_back(std::move(fd));
  use_fd(plan, 0, 0);
  use_fd(plan, 1, 1);
  EchoProcess echo{spawner.spawn(plan, std::move(fds)), std::move(in_write), std::move(out_read)};
  echo.ping();
  return echo;
}

struct Output {
  std::string text; // stdout and stderr
  ExitStatus status;
};

// Runs a shell script to its end; received descriptors 1 and up are the plan's own.
inline Output run_script(Spawner& spawner, ProcessPlan plan, const std::string& script,
                         std::vector<UniqueFd> further = {}) {
  for (const char* argument : {"/bin/sh", "-c"})
    plan.add_argv(argument);
  plan.add_argv(script);
  plan.add_env("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
  auto [read_end, write_end] = make_pipe();
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(write_end));
  for (auto& fd : further)
    fds.push_back(std::move(fd));
  use_fd(plan, 0, 1);
  use_fd(plan, 0, 2);
  Process process = spawner.spawn(plan, std::move(fds));
  Output output;
  output.text = read_to_end(read_end.get());
  output.status = process.wait();
  return output;
}

} // namespace nacre::launch::test
