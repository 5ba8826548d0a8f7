// A file or folder that is ours to remove, by its inode: another process may have removed it and made one of
// the same name since.
#pragma once

#include <string>
#include <sys/types.h>

namespace nacre::shim {

class OwnedPath {
public:
  OwnedPath() = default;
  explicit OwnedPath(std::string path); // a missing path is one with nothing to remove

  const std::string& path() const { return path_; }
  bool still_there() const;
  void unlink() const noexcept;      // a file or socket
  void remove_tree() const noexcept; // a folder with all in it; symlinks in it are removed, not followed

private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

} // namespace nacre::shim
