#include "cli/diagnosis/program_facts.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "cli/host_command.hpp"

#include <boost/json/parse.hpp>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <unistd.h>

namespace nacre::cli {
namespace {

constexpr std::chrono::seconds patience{10};
constexpr std::size_t longest_version = 120;

// The first line, and the second where the first is but a title ("NAME:").
std::string version_line(const std::string& text) {
  auto end = text.find('\n');
  if (end != std::string::npos && end > 0 && text[end - 1] == ':') end = text.find('\n', end + 1);
  std::string line = text.substr(0, end);
  for (auto& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return line.substr(0, longest_version);
}

ProgramFacts asked(std::string name, const std::string& path, const char* flag) {
  ProgramFacts facts{std::move(name), path, {}, {}};
  if (::access(path.c_str(), X_OK) < 0) {
    facts.problem = errno_text(errno);
    return facts;
  }
  try {
    const auto answer = run_command({path, flag}, {patience});
    if (answer.succeeded())
      facts.version = version_line(answer.output);
    else
      facts.problem = std::string(flag) + " ended with " + answer.status_text();
  } catch (const Error& error) {
    facts.problem = error.what();
  }
  return facts;
}

ProgramFacts not_asked(std::string name, const std::string& path, int mode) {
  ProgramFacts facts{std::move(name), path, {}, {}};
  if (::access(path.c_str(), mode) < 0) facts.problem = errno_text(errno);
  return facts;
}

// As execvp(3) would find it; "" when it would not.
std::string in_path(const std::string& name) {
  const auto* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto file = folder + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

// Kata's spelling of options that name a program: path, jailer_path, virtio_fs_daemon.
bool names_a_program(std::string_view key) {
  return key == "path" || key.ends_with("_path") || key.ends_with("daemon");
}

} // namespace

std::vector<ProgramFacts> own_programs() {
  return {asked("containerd-shim-nacre-v2", paths::shim, "-v"),
          not_asked("nacre-launch", paths::launch, X_OK),
          not_asked("nacre-grpc.so", paths::rpc_library, R_OK)};
}

std::vector<ProgramFacts> plugin_programs(const std::vector<PluginFacts>& plugins) {
  std::vector<ProgramFacts> programs;
  for (const auto& plugin : plugins) {
    if (!plugin.chosen || plugin.options.json.empty()) continue;
    const auto options = boost::json::parse(plugin.options.json);
    for (const auto& [key, value] : options.as_object()) {
      if (!names_a_program(key) || !value.is_string() || !value.get_string().starts_with('/')) continue;
      programs.push_back(
          asked(std::string(to_string(plugin.kind)) + "/" + plugin.name + " " + std::string(key),
                std::string(value.get_string()), "--version"));
    }
  }
  return programs;
}

std::vector<ProgramFacts> other_programs() {
  std::vector<ProgramFacts> programs;
  for (const auto* name : {"ps", "docker", "containerd", "podman", "crio"})
    if (const auto path = in_path(name); !path.empty()) programs.push_back(asked(name, path, "--version"));
  return programs;
}

} // namespace nacre::cli
