#include "cli/sandbox_process.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "base/unix_socket.hpp"
#include "cli/pidfd.hpp"
#include "oci/file_io.hpp"
#include "ttrpc/address.hpp"
#include "ttrpc/client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace nacre::cli {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words)
    out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// What every program that we start finds in its environment.
std::vector<std::string> clean_environment() {
  std::vector<std::string> out = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
#ifdef NACRE_FAILPOINTS
  if (const char* failpoint = std::getenv("NACRE_FAILPOINT"))
    out.push_back(std::string("NACRE_FAILPOINT=") + failpoint);
#endif
  return out;
}

// Where a descriptor goes in the new process.
struct Placed {
  int fd;
  int target;
};

// In the child: only async-signal-safe calls. Never returns.
[[noreturn]] void become(const std::vector<Placed>& placed, int last, int report, char** argv, char** envp) {
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal = 1; signal < _NSIG; ++signal)
    ::signal(signal, SIG_DFL);
  ::umask(022);
  if (::chdir("/") < 0) ::_exit(127);
  for (const auto& [fd, target] : placed)
    if (::dup2(fd, target) < 0) ::_exit(127); // all sources are above all targets
  ::dup2(report, last + 1);
  ::fcntl(last + 1, F_SETFD, FD_CLOEXEC);
  ::close_range(static_cast<unsigned>(last) + 2, ~0U, 0);
  ::execve(argv[0], argv, envp);
  const int failure = errno;
  [[maybe_unused]] const auto written = ::write(last + 1, &failure, sizeof failure);
  ::_exit(127);
}

// Starts a program with exactly these descriptors, in a session of its own. Throws Error when it cannot be
// executed.
pid_t spawn_clean(std::vector<std::string> words, const std::vector<Placed>& wanted) {
  constexpr int above_all_targets = 16;
  std::vector<UniqueFd> copies;
  std::vector<Placed> placed;
  int last = 2;
  for (const auto& [fd, target] : wanted) {
    copies.emplace_back(check_errno(::fcntl(fd, F_DUPFD_CLOEXEC, above_all_targets), "duplicate descriptor"));
    placed.push_back({copies.back().get(), target});
    last = std::max(last, target);
  }
  std::array<int, 2> ends{};
  check_errno(::pipe2(ends.data(), O_CLOEXEC), "open pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(
      check_errno(::fcntl(ends[1], F_DUPFD_CLOEXEC, above_all_targets), "duplicate descriptor"));
  ::close(ends[1]);
  auto environment = clean_environment();
  const auto argv = pointers(words);
  const auto envp = pointers(environment);
  const pid_t child = check_errno(::fork(), "start", words.front());
  if (child == 0)
    become(placed, last, write_end.get(), const_cast<char**>(argv.data()), const_cast<char**>(envp.data()));
  write_end.reset();
  int failure = 0;
  const auto count = ::read(read_end.get(), &failure, sizeof failure); // end of file: exec has closed it
  if (count == sizeof failure) {
    ::waitpid(child, nullptr, 0);
    throw Error::from_errno(failure, "start", words.front()).hint("install the package that it belongs to");
  }
  return child;
}

UniqueFd open_null() {
  return UniqueFd(check_errno(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null"));
}

} // namespace

SandboxSockets::SandboxSockets(const std::string& path) {
  ttrpc::make_socket_dir();
  path_ = path;
  try {
    task_ = listen_unix(path, SOCK_STREAM);
    descriptors_ = listen_unix(ttrpc::descriptor_socket_path(path), SOCK_SEQPACKET);
  } catch (...) {
    remove_sandbox_sockets(path);
    throw;
  }
}

SandboxSockets::~SandboxSockets() {
  if (!path_.empty()) remove_sandbox_sockets(path_);
}

void SandboxSockets::close() noexcept {
  task_.reset();
  descriptors_.reset();
}

std::string free_socket_path(const std::string& root, const std::string& id) {
  for (int number = 0;; ++number) {
    const auto path = ttrpc::socket_path(root, number == 0 ? "" : "/" + std::to_string(number), id);
    if (!ttrpc::somebody_listens(path)) return path;
  }
}

void remove_sandbox_sockets(const std::string& path) noexcept {
  if (path.empty()) return;
  ::unlink(path.c_str());
  ::unlink(ttrpc::descriptor_socket_path(path).c_str());
}

ProcessIdentity spawn_sandbox(const SandboxPlan& plan, const SandboxSockets& sockets) {
  std::vector<std::string> words = {paths::shim, "sandbox", "--id",        plan.id,
                                    "--root",    plan.root, "--state-dir", plan.state_dir};
  if (!plan.config.empty()) words.insert(words.end(), {"--config", plan.config});
  if (plan.systemd_cgroup) words.push_back("--systemd-cgroup");
  words.insert(words.end(), {"--listen-fd", "3", "--fd-listen-fd", "4"});
  const auto null = open_null();
  const pid_t pid = spawn_clean(std::move(words), {{null.get(), 0},
                                                   {null.get(), 1},
                                                   {null.get(), 2},
                                                   {sockets.task_fd(), 3},
                                                   {sockets.descriptor_fd(), 4}});
  // Until we reap it the pid stays its own, even when it has ended already.
  return ProcessIdentity::of(pid).value_or(ProcessIdentity{pid, 0});
}

bool wait_for_end(const ProcessIdentity& process, std::chrono::milliseconds timeout) {
  if (process.pid <= 0) return true;
  const auto pidfd = open_pidfd(process.pid);
  if (pidfd && process.alive()) {
    pollfd entry{pidfd.get(), POLLIN, 0};
    while (true) {
      const int ready = ::poll(&entry, 1, static_cast<int>(timeout.count()));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) return false;
      break;
    }
  }
  if (pidfd) {
    siginfo_t info{};
    ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG);
  }
  return true;
}

void kill_process(const ProcessIdentity& process) noexcept {
  try {
    const auto pidfd = process.pid > 0 ? open_pidfd(process.pid) : UniqueFd();
    if (!pidfd || !process.alive()) return; // the pidfd was opened first: what is checked is what is killed
    send_signal(pidfd.get(), SIGKILL);
    wait_for_end(process, std::chrono::seconds(30));
  } catch (const Error&) {
    // /proc cannot be read: nothing can be known, so nothing is killed
  }
}

void clean_up_dead_sandbox(const SandboxPlan& plan) {
  const auto null = open_null();
  std::array<int, 2> ends{};
  check_errno(::pipe2(ends.data(), O_CLOEXEC), "open pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = spawn_clean(
      {paths::shim, "delete", "--id", plan.id, "--root", plan.root, "--state-dir", plan.state_dir},
      {{null.get(), 0}, {null.get(), 1}, {write_end.get(), 2}});
  write_end.reset();
  std::string words;
  char buffer[4096];
  for (;;) {
    const auto count = ::read(read_end.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    if (words.size() < sizeof buffer) words.append(buffer, static_cast<std::size_t>(count));
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status == 0) return;
  while (!words.empty() && words.back() == '\n')
    words.pop_back();
  throw Error(ErrorCode::internal, "clean up after the sandbox of", plan.id)
      .because(words.empty() ? "the clean-up ended with status " + std::to_string(status) : words);
}

std::string tail_of_log(const std::string& state_dir) {
  constexpr std::size_t lines_shown = 12;
  try {
    auto text = oci::read_file(state_dir + "/sandbox.log", 64 << 20, "read").value_or("");
    while (!text.empty() && text.back() == '\n')
      text.pop_back();
    auto start = text.size();
    for (std::size_t i = 0; i < lines_shown && start != std::string::npos && start != 0; ++i)
      start = text.rfind('\n', start - 1);
    return text.substr(start == std::string::npos ? 0 : std::min(start, text.size()));
  } catch (const Error&) {
    return {};
  }
}

} // namespace nacre::cli
