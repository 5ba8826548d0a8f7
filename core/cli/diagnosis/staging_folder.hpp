// A folder that only root may enter, filled with what is packed into an archive, and removed with all of it.
#pragma once

#include <string>
#include <string_view>

namespace nacre::cli {

class StagingFolder {
public:
  // `name`: of the one folder at the top of the archive. Throws Error.
  explicit StagingFolder(std::string name);
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;
  ~StagingFolder();

  // Writes a file, its folders made as needed. False: the archive has its fill (64 MiB), nothing was written.
  bool add(const std::string& path, std::string_view text);
  // Packs everything by the host's tar and gzip into the file, which must not exist yet; mode 0600.
  void pack(const std::string& file) const;

private:
  std::string name_, path_;
  std::size_t size_ = 0;
};

} // namespace nacre::cli
