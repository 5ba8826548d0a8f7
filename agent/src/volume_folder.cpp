#include "volume_folder.hpp"

#include "error.hpp"
#include "unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/mount.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

constexpr int no_link = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

UniqueFd open_below(int folder, const std::string& name, const FolderOwner& owner) {
  UniqueFd found(::openat(folder, name.c_str(), no_link));
  if (found || errno != ENOENT) return found;
  if (::mkdirat(folder, name.c_str(), 0700) < 0 && errno != EEXIST) return found;
  found = UniqueFd(::openat(folder, name.c_str(), no_link));
  // By descriptor: the name may be another file by now.
  if (found && (::fchown(found.get(), owner.uid, owner.gid) < 0 || ::fchmod(found.get(), owner.mode) < 0)) {
    throw system_error("cannot set the owner of folder", name);
  }
  return found;
}

UniqueFd walk(const std::string& volume, const std::string& path, const FolderOwner& owner) {
  UniqueFd at(::open(volume.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) throw system_error("cannot open volume", volume);
  std::string_view rest = path;
  while (!rest.empty()) {
    const auto end = rest.find('/');
    const std::string name(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..")
      throw Error(Code::invalid_argument, "folder " + quoted(path) + " leads out of its volume");
    at = open_below(at.get(), name, owner);
    if (!at) throw system_error("cannot enter folder", path);
  }
  return at;
}

} // namespace

void mount_volume_folder(const std::string& volume, const std::string& path, const FolderOwner& owner,
                         const std::string& target) {
  const UniqueFd folder = walk(volume, path, owner);
  const UniqueFd tree(static_cast<int>(
      ::syscall(SYS_open_tree, folder.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)));
  if (!tree ||
      ::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0) {
    throw system_error("cannot mount folder " + quoted(path) + " of a volume on", target);
  }
}

} // namespace nacre::agent
