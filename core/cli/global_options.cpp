#include "cli/global_options.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "cli/help_text.hpp"
#include "cli/output.hpp"

#include <climits>
#include <limits>
#include <unistd.h>

namespace nacre::cli {
namespace {

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

CommandLine global_grammar() {
  CommandLine line("[FLAGS] VERB ...", "Runs OCI containers, each in a virtual machine of its own.");
  line.help_with(program_help_text);
  line.value("root", "DIR", "state of containers (default /run/nacre)");
  line.value("config", "FILE", "configuration instead of the default ones");
  line.value("log", "FILE", "also write errors to this file");
  line.value("log-format", "text|json", "text is the default");
  line.flag("debug", "also write debug lines");
  line.flag("systemd-cgroup", "cgroupsPath has the form slice:prefix:name");
  line.value("rootless", "VALUE", "");
  line.value("criu", "FILE", "");
  line.flag("version,v", "print the version");
  return line;
}

bool parse_global_options(const Arguments& arguments, GlobalOptions& options) {
  auto line = global_grammar();
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
