#include "cli/host_command.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "cli/pipe_reader.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

struct FileActions {
  posix_spawn_file_actions_t value;
  FileActions() { ::posix_spawn_file_actions_init(&value); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&value); }
};

// No signal of ours is blocked or ignored in the program: it must die with us of Ctrl-C.
struct Attributes {
  posix_spawnattr_t value;
  Attributes() {
    sigset_t none, ours;
    ::sigemptyset(&none);
    ::sigemptyset(&ours);
    ::sigaddset(&ours, SIGPIPE);
    ::posix_spawnattr_init(&value);
    ::posix_spawnattr_setsigmask(&value, &none);
    ::posix_spawnattr_setsigdefault(&value, &ours);
    ::posix_spawnattr_setflags(&value, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&value); }
};

pid_t spawn(const std::vector<std::string>& words, int output, int errors) {
  std::vector<std::string> copies = words;
  std::vector<char*> argv;
  for (auto& word : copies)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  FileActions actions;
  ::posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions.value, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions.value, errors, STDERR_FILENO);
  Attributes attributes;
  pid_t pid = 0;
  if (const int failure = ::posix_spawnp(&pid, words.front().c_str(), &actions.value, &attributes.value,
                                         argv.data(), environ))
    throw Error::from_errno(failure, "start", words.front());
  return pid;
}

} // namespace

bool CommandResult::succeeded() const {
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string CommandResult::status_text() const {
  return WIFEXITED(status) ? "exit status " + std::to_string(WEXITSTATUS(status))
                           : "signal " + std::to_string(WTERMSIG(status));
}

CommandResult run_command(const std::vector<std::string>& words, const CommandLimits& limits) {
  std::array<int, 2> ends{};
  check_errno(::pipe2(ends.data(), O_CLOEXEC), "open pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = spawn(words, limits.output_fd < 0 ? write_end.get() : limits.output_fd, write_end.get());
  write_end.reset();
  CommandResult result;
  const bool ended = read_to_end(read_end.get(), limits.patience, words.front(), result.output);
  if (!ended) ::kill(pid, SIGKILL);
  while (::waitpid(pid, &result.status, 0) < 0 && errno == EINTR) {
  }
  if (!ended)
    throw Error(ErrorCode::deadline_exceeded, "run", words.front())
        .because("it did not end within " + std::to_string(limits.patience->count()) + " ms");
  return result;
}

} // namespace nacre::cli
