#include "cli/global_options.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "cli/output.hpp"

#include <climits>
#include <limits>
#include <unistd.h>

namespace nacre::cli {
namespace {

constexpr const char* summary = R"(Runs OCI containers, each in a virtual machine of its own.

Verbs of a container's life:
  create    make a container from a bundle; its process waits
  start     let the process of a created container run
  run       create and start, wait for the end, delete
  exec      run another process in a container
  kill      send a signal
  delete    remove a container
  pause     stop all processes of a container
  resume    let them go on
  ps        show the processes of a container
  events    print statistics and OOM kills of a container
  update    change limits of a container
  checkpoint, restore
            save a container and start it again: not available yet
  state     print the state of a container as JSON
  list      list the containers below --root
  spec      write a config.json to start from
  features  print what this runtime knows as JSON

Verbs for the operator:
  config    show or check the configuration
  debug-console
            open a shell in the guest, outside of its containers
  plugin    list, show or verify plugins
  timeline  show where the time of a start went

Flags before the verb)";

void read_log_options(const CommandLine& line) {
  LogOptions log;
  log.file = line.get("log");
  if (log.file == "/dev/stderr") log.file.clear(); // runc's default
  log.debug = line.is_set("debug");
  const auto format = line.get("log-format");
  if (format == "json")
    log.format = LogFormat::json;
  else if (!format.empty() && format != "text")
    throw Error(ErrorCode::invalid_argument, "unknown log format", format).hint("use text or json");
  set_log(std::move(log));
}

} // namespace

std::string absolute_path(const std::string& path) {
  if (!path.empty() && path.front() == '/') return path;
  char folder[PATH_MAX];
  if (!::getcwd(folder, sizeof folder)) throw_errno("read working folder");
  return path.empty() || path == "." ? folder : std::string(folder) + "/" + path;
}

bool parse_global_options(const Arguments& arguments, GlobalOptions& options) {
  CommandLine line("[flags] verb ...", summary);
  line.value("root", "folder for the state of containers (default /run/nacre)");
  line.value("log", "also write errors to this file");
  line.value("log-format", "text (default) or json");
  line.flag("debug", "also write debug lines");
  line.flag("systemd-cgroup", "cgroupsPath has the form slice:prefix:name");
  line.value("config", "configuration file instead of the default ones");
  line.value("rootless", "accepted and ignored, as is --criu");
  line.value("criu", "");
  line.flag("version,v", "print the version");
  if (!line.parse(arguments, 0, std::numeric_limits<std::size_t>::max(), true)) return false;
  read_log_options(line);
  options.root = absolute_path(line.has("root") ? line.get("root") : paths::default_root);
  while (options.root.size() > 1 && options.root.back() == '/')
    options.root.pop_back();
  if (line.has("config")) options.config = absolute_path(line.get("config"));
  options.systemd_cgroup = line.is_set("systemd-cgroup");
  options.version = line.is_set("version");
  if (!line.words().empty()) {
    options.verb = line.words().front();
    options.arguments.assign(line.words().begin() + 1, line.words().end());
  }
  return true;
}

} // namespace nacre::cli
