#include "shim/owned_path.hpp"

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace nacre::shim {

OwnedPath::OwnedPath(std::string path) : path_(std::move(path)) {
  struct stat status;
  if (path_.empty() || ::lstat(path_.c_str(), &status) < 0) return;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

bool OwnedPath::still_there() const {
  struct stat status;
  return inode_ != 0 && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
         status.st_ino == inode_;
}

void OwnedPath::unlink() const noexcept {
  if (still_there()) ::unlink(path_.c_str());
}

void OwnedPath::remove_tree() const noexcept {
  std::error_code error;
  if (still_there()) std::filesystem::remove_all(path_, error);
}

} // namespace nacre::shim
