#include "base/unix_socket.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre {
namespace {

constexpr int backlog = 128;

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

UniqueFd make_socket(int type) {
  return UniqueFd(check_errno(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "make socket"));
}

} // namespace

sockaddr_un unix_address(const std::string& path, std::string_view operation) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw Error(ErrorCode::invalid_argument, operation, path)
        .because("the path is longer than a socket address");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd connect_unix(const std::string& path, int type) {
  const auto address = unix_address(path, "connect to socket");
  auto socket = make_socket(type);
  while (::connect(socket.get(), generic(address), sizeof address) < 0)
    if (errno != EINTR) throw_errno("connect to socket", path);
  return socket;
}

UniqueFd listen_unix(const std::string& path, int type) {
  const auto address = unix_address(path, "listen on");
  auto socket = make_socket(type);
  ::unlink(path.c_str());
  check_errno(::bind(socket.get(), generic(address), sizeof address), "listen on", path);
  check_errno(::chmod(path.c_str(), 0600), "set mode of", path);
  check_errno(::listen(socket.get(), backlog), "listen on", path);
  return socket;
}

} // namespace nacre
