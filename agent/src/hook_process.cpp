#include "hook_process.hpp"

#include "error.hpp"
#include "unique_fd.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <vector>

namespace nacre::agent {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t most_words = 2048; // of each stream; the rest is read and dropped
constexpr auto default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Output {
  Output() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) throw system_error("cannot make", "pipe for a hook");
    reader.reset(ends[0]);
    writer.reset(ends[1]);
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  }
  // What is there now; a daemon that the hook left behind may hold it open for ever.
  void read() {
    std::array<char, 4096> bytes;
    ssize_t got;
    while ((got = ::read(reader.get(), bytes.data(), bytes.size())) > 0)
      text.append(bytes.data(), std::min(static_cast<std::size_t>(got), most_words - text.size()));
    if (got == 0) reader.reset();
  }
  UniqueFd reader, writer;
  std::string text;
};

std::vector<char*> pointers(const google::protobuf::RepeatedPtrField<std::string>& strings) {
  std::vector<char*> out;
  for (const auto& text : strings)
    out.push_back(const_cast<char*>(text.c_str()));
  return out;
}

// A file and no pipe: a hook that does not read its stdin cannot block us.
UniqueFd state_file(const std::string& state) {
  UniqueFd file(::memfd_create("state.json", MFD_CLOEXEC));
  if (!file || ::write(file.get(), state.data(), state.size()) < 0)
    throw system_error("cannot make", "state for a hook");
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

// Never returns; errno of a failed exec goes to `report`.
[[noreturn]] void become(const v1::Hook& hook, const std::array<int, 3>& stdio, int report) {
  for (int target = 0; target < 3; ++target)
    ::dup2(stdio[static_cast<std::size_t>(target)], target);
  auto argv = pointers(hook.args());
  if (argv.empty()) argv.push_back(const_cast<char*>(hook.path().c_str()));
  argv.push_back(nullptr);
  auto environment = pointers(hook.env());
  if (!hook.has_env()) environment.push_back(const_cast<char*>(default_path));
  environment.push_back(nullptr);
  ::execve(hook.path().c_str(), argv.data(), environment.data());
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(report, &error, sizeof error);
  ::_exit(127);
}

int milliseconds_left(const v1::Hook& hook, Clock::time_point started) {
  if (hook.timeout_s() == 0) return -1;
  const auto left = started + std::chrono::seconds(hook.timeout_s()) - Clock::now();
  return static_cast<int>(std::max<long>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

[[noreturn]] void fail_start(const v1::Hook& hook, int error) {
  std::string words = std::strerror(error); // NOLINT: there is one thread
  words[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(words[0])));
  throw Error(Code::failed_precondition, "fork/exec " + hook.path() + ": " + words);
}

void check_status(int status, const Output& out, const Output& err) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  const std::string how = WIFEXITED(status) ? "exit status " + std::to_string(WEXITSTATUS(status))
                                            : "signal " + std::to_string(WTERMSIG(status));
  throw Error(Code::failed_precondition, how + ", stdout: " + out.text + ", stderr: " + err.text);
}

} // namespace

void run_hook(const v1::Hook& hook, const std::string& state) {
  Output out;
  Output err;
  const UniqueFd in = state_file(state);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) throw system_error("cannot make", "pipe for a hook");
  const UniqueFd report(ends[0]);
  UniqueFd report_writer(ends[1]);
  const auto started = Clock::now();
  const pid_t pid = ::fork();
  if (pid < 0) throw system_error("cannot start", hook.path());
  if (pid == 0) become(hook, {in.get(), out.writer.get(), err.writer.get()}, report_writer.get());
  out.writer.reset();
  err.writer.reset();
  report_writer.reset();
  int status = 0;
  int error = 0;
  if (::read(report.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid, &status, 0);
    fail_start(hook, error);
  }
  const UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!ended) throw system_error("cannot watch", hook.path());
  for (;;) {
    std::array<pollfd, 3> polled = {pollfd{ended.get(), POLLIN, 0}, pollfd{out.reader.get(), POLLIN, 0},
                                    pollfd{err.reader.get(), POLLIN, 0}};
    const int ready = ::poll(polled.data(), polled.size(), milliseconds_left(hook, started));
    if (ready < 0 && errno != EINTR) throw system_error("cannot wait for", hook.path());
    if (ready == 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      throw Error(Code::failed_precondition,
                  "hook ran past specified timeout of " + std::to_string(hook.timeout_s()) + ".0s");
    }
    if (out.reader) out.read();
    if (err.reader) err.read();
    if (polled[0].revents != 0 && ::waitpid(pid, &status, 0) == pid) break;
  }
  check_status(status, out, err);
}

} // namespace nacre::agent
