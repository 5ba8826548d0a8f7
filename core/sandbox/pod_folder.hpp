// The pod's own folder on the host: sockets and small files of plugins, and the empty folder on which the
// pod's mount namespace is put together. Its path is short, because unix sockets are made below it.
#pragma once

#include "journal/journal.hpp"

#include <string>

namespace nacre::sandbox {

class PodFolder {
public:
  explicit PodFolder(journal::Journal& journal); // throws Error
  PodFolder(const PodFolder&) = delete;
  PodFolder& operator=(const PodFolder&) = delete;

  const std::string& path() const noexcept { return path_; }
  std::string plugins() const { return path_ + "/p"; } // what HostEnvironment wants
  std::string staging() const { return path_ + "/m"; } // what PodMounts wants

  void remove(); // with everything in it; throws Error

private:
  journal::Journal& journal_;
  std::string path_;
  std::uint64_t record_ = 0;
};

} // namespace nacre::sandbox
