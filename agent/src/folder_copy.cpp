#include "folder_copy.hpp"

#include "error.hpp"
#include "file.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

namespace fs = std::filesystem;
using Entry = v1::FolderCopy::Entry;

constexpr std::string_view own_folder = "/run/nacre/";

bool leaves_its_folder(const std::string& path) {
  return ("/" + path + "/").find("/../") != std::string::npos;
}

std::string path_of(const std::string& folder, const Entry& entry) {
  if (leaves_its_folder(entry.path())) {
    throw Error(Code::invalid_argument, "entry " + quoted(entry.path()) + " leaves its folder");
  }
  return entry.path().empty() ? folder : folder + "/" + entry.path();
}

std::string link_text(const std::string& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

// How what is there differs from what is wanted.
enum class Difference { none, attributes, missing, content, kind };

Difference compare(const std::string& path, const Entry& wanted) {
  struct stat now {};
  if (::lstat(path.c_str(), &now) < 0) return Difference::missing;
  if ((now.st_mode & S_IFMT) != (wanted.mode() & S_IFMT)) return Difference::kind;
  if (S_ISREG(now.st_mode) && read_file(path) != wanted.content()) return Difference::content;
  if (S_ISLNK(now.st_mode) && link_text(path) != wanted.content()) return Difference::content;
  const bool same_mode = S_ISLNK(now.st_mode) || now.st_mode == wanted.mode();
  const bool same = same_mode && now.st_uid == wanted.uid() && now.st_gid == wanted.gid();
  return same ? Difference::none : Difference::attributes;
}

void make(const std::string& path, const Entry& entry) {
  const auto kind = entry.mode() & S_IFMT;
  if (kind == S_IFREG) {
    make_file(path, entry.content(), entry.mode() & 07777);
  } else if (kind == S_IFDIR ? ::mkdir(path.c_str(), 0700) < 0
                             : ::symlink(entry.content().c_str(), path.c_str()) < 0) {
    throw system_error("cannot make", path);
  }
  set_owner_and_mode(path, entry.uid(), entry.gid(), entry.mode());
}

// As kubelet names it before it renames its "..data".
void replace(const std::string& path, const Entry& entry) {
  const auto next = path + "_tmp";
  ::unlink(next.c_str());
  make(next, entry);
  if (::rename(next.c_str(), path.c_str()) < 0) throw system_error("cannot replace", path);
}

void apply(const std::string& path, const Entry& entry, Difference difference) {
  switch (difference) {
  case Difference::none:
    return;
  case Difference::attributes:
    return set_owner_and_mode(path, entry.uid(), entry.gid(), entry.mode());
  case Difference::kind:
    fs::remove_all(path);
    return make(path, entry);
  case Difference::missing:
    return make(path, entry);
  case Difference::content:
    return replace(path, entry);
  }
}

void remove_others(const std::string& folder, const std::set<std::string>& wanted) {
  std::vector<fs::path> links, others;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (!wanted.contains(entry.path().string()))
      (entry.is_symlink() ? links : others).push_back(entry.path());
  for (const auto& path : links) // names first, then what they led to
    fs::remove(path);
  for (const auto& path : others)
    fs::remove_all(path);
}

} // namespace

void update_folder_copy(const v1::FolderCopy& wanted) {
  const auto& folder = wanted.path();
  if (!folder.starts_with(own_folder) || leaves_its_folder(folder)) {
    throw Error(Code::invalid_argument,
                "folder " + quoted(folder) + " is not below " + std::string(own_folder));
  }
  make_folders(parent_of(folder));
  std::set<std::string> paths;
  std::map<std::string, const Entry*> last; // links that lead elsewhere from now on
  for (const auto& entry : wanted.entries()) {
    const auto path = path_of(folder, entry);
    paths.insert(path);
    const auto difference = compare(path, entry);
    if (difference == Difference::content && S_ISLNK(entry.mode()))
      last.emplace(path, &entry);
    else
      apply(path, entry, difference);
  }
  for (const auto& [path, entry] : last)
    replace(path, *entry);
  remove_others(folder, paths);
}

void remove_folder_copy(const std::string& path) noexcept {
  std::error_code error;
  fs::remove_all(path, error);
}

} // namespace nacre::agent
