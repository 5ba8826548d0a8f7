// The folder on disk that holds images, and what containers write.
#pragma once

#include <nacre/sdk/fd.hpp>

#include <string>

namespace nacre::block {

class ImageFolder {
public:
  // Made where it is missing, for its owner alone. Throws when others may write into it.
  explicit ImageFolder(std::string path);

  const std::string& path() const noexcept { return path_; }
  int fd() const noexcept { return folder_.get(); }

  // A file without a name, open for reading and writing: it goes with its last descriptor, whatever becomes
  // of us.
  sdk::Fd unnamed_file() const;

private:
  std::string path_;
  sdk::Fd folder_;
};

// The same file, open for reading only.
sdk::Fd reopen_read_only(int file);

} // namespace nacre::block
