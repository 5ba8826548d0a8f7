#include "journal/folder_removal.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <cerrno>
#include <cstdint>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <vector>

namespace nacre::journal {
namespace {

struct Entry {
  std::string name;
  bool is_folder;
};

UniqueFd open_folder(int parent, const std::string& name, std::uint64_t resolve) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = resolve;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, parent, name.c_str(), &how, sizeof(how))));
}

std::vector<Entry> entries_of(int folder, const std::string& path) {
  UniqueFd own(check_errno(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "read folder", path));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), &::closedir);
  if (!stream) throw_errno("read folder", path);
  own.release(); // the stream's now
  std::vector<Entry> entries;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name(entry->d_name);
    if (name == "." || name == "..") continue;
    struct stat info;
    if (::fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue;
      throw_errno("read", path + "/" + entry->d_name);
    }
    entries.push_back({entry->d_name, S_ISDIR(info.st_mode)});
  }
  return entries;
}

void empty_folder(int folder, const std::string& path) {
  for (const auto& [name, is_folder] : entries_of(folder, path)) {
    const std::string shown = path + "/" + name;
    if (is_folder) {
      const UniqueFd below = open_folder(folder, name, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
      if (!below && errno == EXDEV)
        throw Error(ErrorCode::failed_precondition, "remove", shown)
            .because("something is mounted there")
            .hint("unmount it first");
      if (!below && errno == ENOENT) continue;
      check_errno(below.get(), "open", shown);
      empty_folder(below.get(), shown);
    }
    if (::unlinkat(folder, name.c_str(), is_folder ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
      throw_errno("remove", shown);
  }
}

} // namespace

void remove_folder_tree(const std::string& path) {
  const UniqueFd folder = open_folder(AT_FDCWD, path, 0);
  if (!folder && errno == ENOENT) return;
  check_errno(folder.get(), "open", path);
  empty_folder(folder.get(), path);
  if (::rmdir(path.c_str()) < 0 && errno != ENOENT) throw_errno("remove", path);
}

} // namespace nacre::journal
