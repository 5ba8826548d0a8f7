#include "oci/namespace_owner.hpp"

#include "base/error.hpp"

#include <charconv>
#include <dirent.h>
#include <memory>
#include <sys/stat.h>
#include <vector>

namespace nacre::oci {
namespace {

struct DirCloser {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};

std::string process_file(const std::string& pid, const std::string& file) {
  return "/proc/" + pid + "/ns/" + file;
}

std::vector<State> living_containers(const std::string& root) {
  std::vector<State> found;
  const std::unique_ptr<DIR, DirCloser> dir(::opendir(root.c_str()));
  if (!dir) return found;
  while (const auto* entry = ::readdir(dir.get())) {
    if (entry->d_name[0] == '.') continue;
    try {
      auto state = read_state(root + "/" + entry->d_name);
      if (state.pid > 0 && current_status(state) != Status::stopped) found.push_back(std::move(state));
    } catch (const Error&) { // no container, one that goes just now, or a damaged one: nobody to join
    }
  }
  return found;
}

} // namespace

std::optional<pid_t> pid_of_namespace_path(std::string_view path, std::string_view file) {
  constexpr std::string_view proc = "/proc/";
  if (!path.starts_with(proc)) return std::nullopt;
  path.remove_prefix(proc.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), pid);
  if (error != std::errc()) return std::nullopt;
  path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  constexpr std::string_view folder = "/ns/";
  return path.starts_with(folder) && path.substr(folder.size()) == file ? std::optional(pid) : std::nullopt;
}

std::string namespace_file(const std::string& type) {
  if (type == "network") return "net";
  if (type == "mount") return "mnt";
  return type;
}

bool same_namespace_file(const std::string& one, const std::string& other) {
  struct stat a {
  }, b{};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

std::optional<State> namespace_owner(const std::string& root, const Spec& spec) {
  std::optional<std::vector<State>> containers;
  for (const char* type : {"network", "ipc", "uts", "pid"}) {
    const auto* space = spec.linux.find(type);
    if (!space || space->path.empty()) continue;
    if (!containers) containers = living_containers(root);
    const auto file = namespace_file(type);
    // Holders share the host's pid namespace, so that only their pid tells whose a pid namespace is.
    if (const auto pid = pid_of_namespace_path(space->path, file))
      for (auto& state : *containers)
        if (state.pid == *pid) return std::move(state);
    if (same_namespace_file(space->path, process_file("self", file))) continue;
    for (auto& state : *containers)
      if (same_namespace_file(space->path, process_file(std::to_string(state.pid), file)))
        return std::move(state);
  }
  return std::nullopt;
}

} // namespace nacre::oci
