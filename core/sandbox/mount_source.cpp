#include "sandbox/mount_source.hpp"

#include "base/error.hpp"
#include "sandbox/mount_table.hpp"

#include <nacre/plugin/storage.h>

#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

std::uint32_t kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return NACRE_SOURCE_FOLDER;
  if (S_ISBLK(mode)) return NACRE_SOURCE_BLOCK;
  if (S_ISCHR(mode)) return NACRE_SOURCE_CHAR;
  if (S_ISSOCK(mode)) return NACRE_SOURCE_SOCKET;
  if (S_ISFIFO(mode)) return NACRE_SOURCE_FIFO;
  return NACRE_SOURCE_FILE;
}

std::string name_of(int fd) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof(target));
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

} // namespace

MountSource open_mount_source(const std::string& path, const std::string& what) {
  MountSource source;
  source.fd = UniqueFd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!source.fd) throw Error::from_errno(errno, "open " + what, path);
  struct stat status;
  check_errno(::fstat(source.fd.get(), &status), "look at " + what, path);
  source.path = name_of(source.fd.get());
  const MountTable mounts = MountTable::read();
  if (const HostMount* mount = mounts.find(mount_id_of(source.fd.get()))) {
    source.mount_id = mount->id;
    source.fstype = mount->fstype;
    source.on_private_mount = mount->is_private;
  }
  source.has_submounts = S_ISDIR(status.st_mode) && mounts.has_below(source.path);
  struct statvfs system {};
  if (::fstatvfs(source.fd.get(), &system) == 0) source.mount_flags = system.f_flag;
  source.file = {status.st_dev, status.st_ino};
  source.kind = kind_of(status.st_mode);
  const bool node = S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode);
  const dev_t device = node ? status.st_rdev : status.st_dev;
  source.device_major = major(device);
  source.device_minor = minor(device);
  return source;
}

UniqueFd clone_mount(const MountSource& source, bool recursive) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
                         (recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
  const long fd = ::syscall(SYS_open_tree, source.fd.get(), "", flags);
  if (fd < 0) throw Error::from_errno(errno, "clone the mount of", source.path);
  return UniqueFd(static_cast<int>(fd));
}

} // namespace nacre::sandbox
