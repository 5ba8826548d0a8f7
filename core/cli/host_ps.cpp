#include "cli/host_ps.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <memory>
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

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> chunk;
  for (;;) {
    const auto count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    check_errno(count, "read the output of", "ps");
    if (count == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  constexpr auto blanks = " \t";
  for (auto start = line.find_first_not_of(blanks); start != std::string_view::npos;) {
    const auto end = line.find_first_of(blanks, start);
    fields.push_back(line.substr(start, end - start));
    start = end == std::string_view::npos ? end : line.find_first_not_of(blanks, end);
  }
  return fields;
}

} // namespace

std::string run_ps(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"ps"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);

  std::array<int, 2> ends{};
  check_errno(::pipe2(ends.data(), O_CLOEXEC), "open pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  FileActions actions;
  ::posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions.value, write_end.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions.value, write_end.get(), STDERR_FILENO);
  pid_t pid = 0;
  if (const int failure = ::posix_spawnp(&pid, "ps", &actions.value, nullptr, argv.data(), environ))
    throw Error::from_errno(failure, "start", "ps").hint("install the package procps");
  write_end.reset();
  auto text = read_to_end(read_end.get());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  throw Error(ErrorCode::invalid_argument, WIFEXITED(status)
                                               ? "exit status " + std::to_string(WEXITSTATUS(status))
                                               : "signal " + std::to_string(WTERMSIG(status)))
      .because(text);
}

std::string lines_of(std::string_view ps_output, const std::set<int>& pids) {
  std::string out;
  std::size_t column = std::string_view::npos;
  while (!ps_output.empty()) {
    const auto line = ps_output.substr(0, ps_output.find('\n'));
    ps_output.remove_prefix(std::min(ps_output.size(), line.size() + 1));
    const auto fields = fields_of(line);
    if (column == std::string_view::npos) { // the header
      for (std::size_t i = 0; i < fields.size() && column == std::string_view::npos; ++i)
        if (fields[i] == "PID") column = i;
      if (column == std::string_view::npos)
        throw Error(ErrorCode::invalid_argument, "couldn't find PID field in ps output"); // runc's words
    } else {
      int pid = 0;
      if (column >= fields.size()) continue;
      const auto& field = fields[column];
      const auto [end, failure] = std::from_chars(field.data(), field.data() + field.size(), pid);
      if (failure != std::errc() || end != field.data() + field.size())
        throw Error(ErrorCode::internal, "unexpected pid", field);
      if (!pids.contains(pid)) continue;
    }
    out.append(line).push_back('\n');
  }
  return out;
}

} // namespace nacre::cli
