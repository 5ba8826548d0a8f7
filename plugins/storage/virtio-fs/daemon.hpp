// virtiofsd: where it is and what it is told.
#pragma once

#include <nacre/sdk/options.hpp>

#include <string>
#include <vector>

namespace nacre::virtio_fs {

struct Settings {
  explicit Settings(const sdk::Options& options);

  std::string daemon; // absolute path; "": where Debian has it
  std::string cache;  // never, metadata, auto or always
  std::int64_t queue_size;
  std::string inode_file_handles; // never, prefer or mandatory
  std::vector<std::string> extra_args;
};

// The program: the one that is set, else the first of Debian's places that has one; "" when there is none.
std::string find_daemon(const Settings& settings);

// Its command line for serving `folder` on the listening socket that it has as descriptor `socket_fd`.
std::vector<std::string> command_line(const std::string& program, const Settings& settings,
                                      const std::string& folder, int socket_fd);

} // namespace nacre::virtio_fs
