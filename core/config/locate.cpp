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

// Of an editor or of dpkg: nobody means it to be read.
bool is_left_over(const std::string& name) {
  return name.ends_with("~") || name.ends_with(".bak") || name.find(".dpkg-") != std::string::npos;
}

} // namespace

std::string resolved_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real) return real.get();
  if (errno == ENOENT || errno == ENOTDIR) return {};
  throw_errno("find the file", path);
}

std::string find_main_file(const std::string& wanted) {
  if (!wanted.empty()) {
    auto real = resolved_path(wanted);
    if (real.empty()) throw Error::from_errno(ENOENT, "open configuration", wanted);
    return real;
  }
  const std::string first = std::string(paths::sysconf_dir) + "/configuration.toml";
  const std::string second = std::string(paths::defaults_dir) + "/configuration.toml";
  for (const auto& place : {first, second})
    if (auto real = resolved_path(place); !real.empty()) return real;
  throw Error(ErrorCode::not_found, "open configuration", first)
      .because("neither this file nor \"" + second + "\" exists")
      .hint("install one, or name one with --config");
}

DropIns find_drop_ins(const std::string& main_file) {
  const auto folder = main_file.substr(0, main_file.rfind('/')) + "/config.d";
  const std::unique_ptr<DIR, DirCloser> dir(::opendir(folder.c_str()));
  if (!dir) {
    if (errno == ENOENT) return {};
    throw_errno("read drop-ins", folder);
  }
  DropIns found;
  while (const auto* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name.front() == '.' || is_left_over(name)) continue;
    auto& list = name.size() > 5 && name.ends_with(".toml") ? found.files : found.unread;
    list.push_back(folder + "/" + name);
    if (list.size() > max_drop_ins)
      throw Error(ErrorCode::invalid_argument, "read drop-ins", folder).because("more than 256 files");
  }
  std::sort(found.files.begin(), found.files.end());
  return found;
}

bool only_root_can_write(const std::string& file) {
  struct stat status {};
  check_errno(::stat(file.c_str(), &status), "check owner of", file);
  return status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool only_root_can_change(const std::string& path) {
  for (auto end = path.size(); end != std::string::npos && end != 0; end = path.rfind('/', end - 1))
    if (!only_root_can_write(path.substr(0, end))) return false;
  return only_root_can_write("/");
}

} // namespace nacre::config
