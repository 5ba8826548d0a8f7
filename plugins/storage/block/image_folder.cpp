#include "image_folder.hpp"

#include <nacre/sdk/error.hpp>

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

namespace nacre::block {
namespace {

using sdk::check_errno;
using sdk::Error;
using sdk::Fd;

Fd open_folder(const std::string& path) {
  std::error_code failure;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failure);
  if (::mkdir(path.c_str(), 0700) < 0 && errno != EEXIST)
    throw Error::from_errno(errno, "make the folder of images \"" + path + "\"");
  return Fd(check_errno(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                        "open the folder of images \"" + path + "\""));
}

} // namespace

ImageFolder::ImageFolder(std::string path) : path_(std::move(path)), folder_(open_folder(path_)) {
  struct stat status {};
  check_errno(::fstat(folder_.get(), &status), "look at \"" + path_ + "\"");
  // Whoever writes there would decide what other containers run.
  if (status.st_uid != ::geteuid() || (status.st_mode & 022) != 0)
    throw Error(NACRE_E_PERMISSION,
                "use the folder of images \"" + path_ +
                    "\": others than its owner may write into it; make it root's with mode "
                    "0700, or set another image_cache_dir");
}

Fd ImageFolder::unnamed_file() const {
  const int file = ::openat(folder_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0 && errno == EOPNOTSUPP)
    throw Error(NACRE_E_UNSUPPORTED, "make a file in \"" + path_ +
                                         "\": its file system has no files without a name (O_TMPFILE); set "
                                         "image_cache_dir to a folder on ext4, xfs, btrfs or tmpfs");
  return Fd(check_errno(file, "make a file in \"" + path_ + "\""));
}

Fd reopen_read_only(int file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  return Fd(check_errno(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open an image again"));
}

} // namespace nacre::block
