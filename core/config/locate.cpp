#include "config/locate.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "config/config.hpp"

#include <algorithm>
#include <cstdlib>
#include <dirent.h>
#include <memory>
#include <sys/stat.h>

namespace nacre::config {
namespace {

constexpr std::size_t max_drop_ins = 256;

struct DirCloser {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};

// The real path, or "" when there is nothing at `path`.
std::string resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real) return real.get();
  if (errno == ENOENT || errno == ENOTDIR) return {};
  throw_errno("open configuration", path);
}

} // namespace

std::string find_main_file(const std::string& wanted) {
  if (!wanted.empty()) {
    auto real = resolve(wanted);
    if (real.empty()) throw Error::from_errno(ENOENT, "open configuration", wanted);
    return real;
  }
  const std::string first = std::string(paths::sysconf_dir) + "/configuration.toml";
  const std::string second = std::string(paths::defaults_dir) + "/configuration.toml";
  for (const auto& place : {first, second})
    if (auto real = resolve(place); !real.empty()) return real;
  throw Error(ErrorCode::not_found, "open configuration", first)
      .because("neither this file nor \"" + second + "\" exists")
      .hint("install one, or name one with --config");
}

std::vector<std::string> find_drop_ins(const std::string& main_file) {
  const auto folder = main_file.substr(0, main_file.rfind('/')) + "/config.d";
  const std::unique_ptr<DIR, DirCloser> dir(::opendir(folder.c_str()));
  if (!dir) {
    if (errno == ENOENT) return {};
    throw_errno("read drop-ins", folder);
  }
  std::vector<std::string> files;
  while (const auto* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name.size() <= 5 || name.front() == '.' || !name.ends_with(".toml")) continue;
    files.push_back(folder + "/" + name);
    if (files.size() > max_drop_ins)
      throw Error(ErrorCode::invalid_argument, "read drop-ins", folder).because("more than 256 files");
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool only_root_can_write(const std::string& file) {
  struct stat status {};
  check_errno(::stat(file.c_str(), &status), "check owner of", file);
  return status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

} // namespace nacre::config
