#include "plugin/probe_child.hpp"

#include "base/error.hpp"
#include "config/option_schema.hpp"
#include "plugin/hypervisor.hpp"
#include "plugin/network.hpp"
#include "plugin/option_defaults.hpp"
#include "plugin/security.hpp"
#include "plugin/storage.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nacre::plugin {
namespace {

namespace json = boost::json;
constexpr std::size_t answer_bytes_max = 4u << 20;

Probe probe(const Plugin& plugin, const std::string& options, std::chrono::milliseconds patience) {
  HostEnvironment nothing; // probe() has no side effects, so it is lent no means for any
  const Limits limits = Limits::within(patience);
  switch (plugin.kind()) {
  case Kind::hypervisor:
    return Hypervisor(plugin).probe(nothing, limits, options);
  case Kind::network:
    return Network::probe(plugin, nothing, limits, options);
  case Kind::storage:
    return Storage::probe(plugin, nothing, limits, options);
  case Kind::security:
    return Security::probe(plugin, nothing, limits, options);
  }
  return {};
}

// Lines "KEY TEXT\n"; the last line that came says where a crash happened.
class Speaker {
public:
  explicit Speaker(int fd) : fd_(fd) {}
  void say(std::string_view key, std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    const std::string line = std::string(key) + " " + text + "\n";
    for (std::size_t at = 0; at < line.size();) {
      const auto written = ::write(fd_, line.data() + at, line.size() - at);
      if (written <= 0) return;
      at += static_cast<std::size_t>(written);
    }
  }

private:
  int fd_;
};

[[noreturn]] void child(int out, pid_t parent, const std::string& path, Kind kind, const std::string& name,
                        const VerifyOptions& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  // A crash is to end this process as a signal, whatever handlers the program has.
  for (const int fatal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
    ::signal(fatal, SIG_DFL);
  Speaker speaker(out);
  std::string phase = "load";
  try {
    speaker.say("phase", "it was being loaded");
    const Plugin plugin = load(path, kind, name, options.rules);
    speaker.say("build", plugin.build());
    phase = "options";
    config::parse_schema(plugin.options_schema());
    speaker.say("options", json::serialize(json::parse(plugin.options_schema())));
    phase = "probe";
    const auto table = options.options_of ? options.options_of(plugin.options_schema())
                                          : option_defaults(plugin.options_schema());
    speaker.say("phase", "it was probed");
    const Probe answer = probe(plugin, table, options.patience);
    speaker.say("probe", std::to_string(answer.status) + " " + answer.reason);
  } catch (const LoadError& error) {
    speaker.say("refused", std::to_string(static_cast<int>(error.status())) + " " + error.what());
  } catch (const std::exception& error) {
    speaker.say(phase == "probe" ? "failed" : "schema", error.what());
  }
  ::_exit(0); // not exit(): the program's own buffers and destructors are the parent's
}

// Everything until the pipe closes; false when the time is over.
bool read_all(int fd, std::string& text, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd set{fd, POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&set, 1, static_cast<int>(left.count()) + 1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0 || text.size() > answer_bytes_max) return false;
    char buffer[16384];
    const auto length = ::read(fd, buffer, sizeof buffer);
    if (length == 0) return true;
    if (length > 0) text.append(buffer, static_cast<std::size_t>(length));
  }
}

void add(Report& report, Finding::Level level, LoadStatus status, std::string sentence) {
  report.findings.push_back({level, status, std::move(sentence)});
}

void add_crash(Report& report, int number, const std::string& phase) {
  const char *name = ::sigabbrev_np(number), *words = ::sigdescr_np(number);
  const std::string signal = name ? std::string("SIG") + name : "signal " + std::to_string(number);
  report.findings.push_back(
      {Finding::Level::error, LoadStatus::crashed,
       "it crashed by " + signal + (words ? " (" + std::string(words) + ")" : "") + " while " + phase,
       signal});
}

void take_line(Report& report, std::string_view line, std::string& phase) {
  const auto space = line.find(' ');
  const std::string_view key = line.substr(0, space);
  const std::string text(space == line.npos ? "" : line.substr(space + 1));
  const auto number = [&] { return std::atoi(text.c_str()); };
  const auto rest = [&] {
    return text.find(' ') == text.npos ? std::string() : text.substr(text.find(' ') + 1);
  };
  if (key == "phase") phase = text;
  if (key == "build") report.build = text;
  if (key == "options") report.options = text;
  if (key == "refused") add(report, Finding::Level::error, static_cast<LoadStatus>(number()), rest());
  if (key == "schema")
    add(report, Finding::Level::error, LoadStatus::identity_changed,
        "its description of its options: " + text);
  if (key == "failed") add(report, Finding::Level::error, LoadStatus::probe_failed, text);
  if (key == "probe" && number() == NACRE_PROBE_OK)
    add(report, Finding::Level::ok, LoadStatus::ok,
        "it can work on this host" + (rest().empty() ? "" : ": " + rest()));
  if (key == "probe" && number() == NACRE_PROBE_SKIP)
    add(report, Finding::Level::warning, LoadStatus::probe_skip, "this host cannot run it: " + rest());
  if (key == "probe" && number() == NACRE_PROBE_ERROR)
    add(report, Finding::Level::error, LoadStatus::probe_failed, rest());
}

} // namespace

void probe_in_child(const std::string& path, Kind kind, const std::string& name, const VerifyOptions& options,
                    Report& report) {
  int pipe[2];
  check_errno(::pipe2(pipe, O_CLOEXEC), "make a pipe");
  UniqueFd in(pipe[0]), out(pipe[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = check_errno(::fork(), "fork to try the plugin");
  if (pid == 0) child(out.get(), parent, path, kind, name, options);
  out.reset();

  std::string text, phase;
  const bool ended = read_all(in.get(), text, options.patience);
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    take_line(report, std::string_view(text).substr(at, end - at), phase);
    at = end + 1;
  }
  if (!ended)
    add(report, Finding::Level::error, LoadStatus::crashed,
        "it hung for " + std::to_string(options.patience.count() / 1000) + " s while " + phase);
  else if (WIFSIGNALED(status))
    add_crash(report, WTERMSIG(status), phase);
  else if (report.findings.empty() || WEXITSTATUS(status) != 0)
    add(report, Finding::Level::error, LoadStatus::crashed,
        "it ended the process with exit code " + std::to_string(WEXITSTATUS(status)) + " while " + phase);
}

} // namespace nacre::plugin
