#include "shim/log_process.hpp"

#include "base/error.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nacre::shim {
namespace {

constexpr int patience_ms = 10'000; // what containerd gives a logger
constexpr int drain_ms = 1'000;     // to read its streams to their end before it is asked to go

struct Pipe {
  UniqueFd read, write;
};

Pipe make_pipe() {
  int ends[2];
  check_errno(::pipe2(ends, O_CLOEXEC), "make pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Descriptors 3 to 5 of the child. dup2 onto itself would leave close-on-exec set, and a source below 6 could
// be overwritten before its turn: so all sources are moved up first.
UniqueFd above_stdio(const UniqueFd& fd) {
  return UniqueFd(check_errno(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 6), "copy descriptor"));
}

class SpawnSettings {
public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

bool readable_within(int fd, int milliseconds) {
  pollfd entry{fd, POLLIN, 0};
  int ready;
  while ((ready = ::poll(&entry, 1, milliseconds)) < 0 && errno == EINTR) {
  }
  return ready > 0;
}

} // namespace

LogProcess::LogProcess(const std::string& path,
                       const std::vector<std::pair<std::string, std::string>>& arguments,
                       const Owner& owner) {
  auto out = make_pipe(), err = make_pipe(), ready = make_pipe();
  std::vector<std::string> words{path};
  for (const auto& [key, value] : arguments) {
    words.push_back(key);
    if (!value.empty()) words.push_back(value);
  }
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  std::string id = "CONTAINER_ID=" + owner.container_id, ns = "CONTAINER_NAMESPACE=" + owner.namespace_name;
  std::array<char*, 3> environment{id.data(), ns.data(), nullptr};

  SpawnSettings settings;
  for (int fd = 0; fd < 3; ++fd)
    posix_spawn_file_actions_addopen(&settings.actions, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
  std::array sources{above_stdio(out.read), above_stdio(err.read), above_stdio(ready.write)};
  for (int i = 0; i < 3; ++i)
    posix_spawn_file_actions_adddup2(&settings.actions, sources[i].get(), 3 + i);
  posix_spawn_file_actions_addchdir_np(&settings.actions, "/");
  const int error = ::posix_spawn(&pid_, path.c_str(), &settings.actions, &settings.attributes, argv.data(),
                                  environment.data());
  if (error != 0) throw Error::from_errno(error, "start logging program", path);
  pidfd_.reset(
      static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))); // our child, not reaped: nobody else's pid
  if (!pidfd_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    throw_errno("watch logging program", path);
  }
  out_ = std::move(out.write);
  err_ = std::move(err.write);
  ready.write.reset();
  sources[2].reset(); // or we would wait for ourselves
  wait_until_ready(ready.read, path);
}

void LogProcess::wait_until_ready(const UniqueFd& ready, const std::string& path) {
  if (readable_within(ready.get(), patience_ms)) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  throw Error(ErrorCode::deadline_exceeded, "start logging program", path)
      .because("it has not closed descriptor 5 within 10 s");
}

LogProcess::~LogProcess() {
  out_.reset();
  err_.reset();
  // Most end by themselves at the end of their streams; SIGTERM is for those that wait for more.
  if (!readable_within(pidfd_.get(), drain_ms)) {
    ::kill(pid_, SIGTERM);
    if (!readable_within(pidfd_.get(), patience_ms)) ::kill(pid_, SIGKILL);
  }
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

} // namespace nacre::shim
