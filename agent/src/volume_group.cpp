#include "volume_group.hpp"

#include "error.hpp"

#include <cerrno>
#include <fts.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

constexpr mode_t of_files = 0660;
constexpr mode_t of_folders = S_ISGID | 0770;

mode_t needed_mode(mode_t mode) {
  return S_ISDIR(mode) ? of_folders : of_files;
}

bool is_the_group_s(const std::string& volume, gid_t group) {
  struct stat root {};
  if (::stat(volume.c_str(), &root) < 0) throw system_error("cannot look at volume", volume);
  const mode_t of_the_group = needed_mode(root.st_mode) & (S_ISGID | S_IRWXG);
  return root.st_gid == group && (root.st_mode & of_the_group) == of_the_group;
}

void set_group(const char* path, const struct stat& file, gid_t group) {
  if (::lchown(path, static_cast<uid_t>(-1), group) < 0) throw system_error("cannot set the group of", path);
  if (S_ISLNK(file.st_mode)) return;
  // What the kernel takes away with the old group (setuid), kubelet gives back too.
  if (::chmod(path, (file.st_mode & 07777) | needed_mode(file.st_mode)) < 0)
    throw system_error("cannot set the mode of", path);
}

} // namespace

void set_volume_group(const std::string& volume, gid_t group, bool on_mismatch_only) {
  if (on_mismatch_only && is_the_group_s(volume, group)) return;
  std::string root = volume;
  char* const roots[] = {root.data(), nullptr};
  const std::unique_ptr<FTS, int (*)(FTS*)> walk(
      ::fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, nullptr), ::fts_close);
  if (!walk) throw system_error("cannot read volume", volume);
  errno = 0;
  while (const FTSENT* entry = ::fts_read(walk.get())) {
    switch (entry->fts_info) {
    case FTS_D: // again as FTS_DP, after what is in it: the root comes last, and tells that all is done
      break;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
      errno = entry->fts_errno;
      throw system_error("cannot read", entry->fts_path);
    default:
      set_group(entry->fts_accpath, *entry->fts_statp, group);
    }
    errno = 0;
  }
  if (errno != 0) throw system_error("cannot read volume", volume);
}

} // namespace nacre::agent
