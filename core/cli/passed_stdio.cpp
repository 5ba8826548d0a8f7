#include "cli/passed_stdio.hpp"

#include "base/error.hpp"

#include <string>
#include <sys/socket.h>
#include <sys/stat.h>

namespace nacre::cli {
namespace {

int socket_option(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

// What it is, in the user's words; "" when it can be relayed.
std::string fault_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) < 0) return "it is not open";
  if (S_ISFIFO(status.st_mode)) return {};
  if (S_ISREG(status.st_mode)) return "it is a regular file";
  if (S_ISDIR(status.st_mode)) return "it is a folder";
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) return "it is a device";
  if (!S_ISSOCK(status.st_mode)) return "it is no file of the file system";
  if (socket_option(fd, SO_TYPE) != SOCK_STREAM) return "it is a socket that keeps packets apart";
  if (socket_option(fd, SO_ACCEPTCONN) == 1) return "it is a listening socket";
  return {};
}

} // namespace

void require_preserved_fds(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = static_cast<int>(3 + i);
    const auto fault = fault_of(fd);
    if (fault.empty()) continue;
    throw Error(ErrorCode::invalid_argument, "pass descriptor " + std::to_string(fd) + " of --preserve-fds")
        .because(fault)
        .hint("only pipes and connected stream sockets can be passed into a virtual machine");
  }
}

std::vector<ttrpc::PassedDescriptor> passed_stdio(int slave, std::size_t preserved) {
  std::vector<ttrpc::PassedDescriptor> out;
  if (slave >= 0) {
    out.push_back({ttrpc::slot_stdin, slave});
    out.push_back({ttrpc::slot_stdout, slave});
  } else {
    for (const auto slot : {ttrpc::slot_stdin, ttrpc::slot_stdout, ttrpc::slot_stderr})
      out.push_back({slot, static_cast<int>(slot)});
  }
  for (std::size_t i = 0; i < preserved; ++i)
    out.push_back({ttrpc::slot_preserved + static_cast<std::uint32_t>(i), static_cast<int>(3 + i)});
  return out;
}

} // namespace nacre::cli
