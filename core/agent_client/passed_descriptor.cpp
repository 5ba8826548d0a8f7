#include "agent_client/passed_descriptor.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>

namespace nacre::agent_client {
namespace {

using Kind = PassedDescriptor::Kind;

bool is_stream(int socket) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

Kind kind_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) < 0) return agent::v1::PassedDescriptor::UNKNOWN;
  if (S_ISSOCK(status.st_mode))
    return is_stream(fd) ? agent::v1::PassedDescriptor::STREAM_SOCKET : agent::v1::PassedDescriptor::UNKNOWN;
  if (!S_ISFIFO(status.st_mode)) return agent::v1::PassedDescriptor::UNKNOWN;
  switch (::fcntl(fd, F_GETFL) & O_ACCMODE) {
  case O_RDONLY:
    return agent::v1::PassedDescriptor::PIPE_READ_END;
  case O_WRONLY:
    return agent::v1::PassedDescriptor::PIPE_WRITE_END;
  default:
    return agent::v1::PassedDescriptor::UNKNOWN;
  }
}

} // namespace

PassedDescriptor::PassedDescriptor(UniqueFd descriptor, std::size_t number)
    : fd(std::move(descriptor)), kind(kind_of(fd.get())) {
  if (kind == agent::v1::PassedDescriptor::UNKNOWN)
    throw Error(ErrorCode::invalid_argument, "pass on descriptor " + std::to_string(number))
        .because("it is neither one end of a pipe nor a stream socket");
}

} // namespace nacre::agent_client
