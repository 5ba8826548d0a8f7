#include "file_system.hpp"

#include "error.hpp"

#include <sys/statvfs.h>

namespace nacre::agent {

void stat_file_system(const std::string& path, v1::StatFileSystemReply& reply) {
  struct statvfs system {};
  if (!path.starts_with("/run/nacre/") || ::statvfs(path.c_str(), &system) < 0) {
    throw system_error("cannot look at the file system of", path);
  }
  reply.set_total_bytes(system.f_blocks * system.f_frsize);
  reply.set_free_bytes(system.f_bfree * system.f_frsize);
  reply.set_available_bytes(system.f_bavail * system.f_frsize);
  reply.set_total_inodes(system.f_files);
  reply.set_free_inodes(system.f_ffree);
}

} // namespace nacre::agent
