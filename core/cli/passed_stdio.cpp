#include "cli/passed_stdio.hpp"

#include "base/error.hpp"

#include <array>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

constexpr int first_preserved = 3;

int socket_option(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

bool is_connected(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

std::string fault_of_socket(int fd) {
  const int type = socket_option(fd, SO_TYPE);
  if (type == SOCK_DGRAM) return "it is a datagram socket";
  if (type != SOCK_STREAM) return "it is a socket that keeps packets apart";
  if (socket_option(fd, SO_ACCEPTCONN) == 1) return "it is a listening socket";
  if (!is_connected(fd)) return "it is a socket that is not connected";
  return {};
}

// epoll and the like have no type but a name in /proc (proc(5), /proc/pid/fd).
std::string fault_of_nameless(int fd) {
  constexpr std::array<std::array<std::string_view, 2>, 7> kinds = {{{"[eventpoll]", "an epoll descriptor"},
                                                                     {"[eventfd]", "an event counter"},
                                                                     {"[signalfd]", "a signal descriptor"},
                                                                     {"[timerfd]", "a timer"},
                                                                     {"inotify", "an inotify descriptor"},
                                                                     {"[fanotify]", "a fanotify descriptor"},
                                                                     {"[pidfd]", "a process descriptor"}}};
  std::array<char, 256> name;
  const auto path = "/proc/self/fd/" + std::to_string(fd);
  const auto length = ::readlink(path.c_str(), name.data(), name.size());
  const std::string_view text(name.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  for (const auto& [end, kind] : kinds)
    if (text.ends_with(end)) return "it is " + std::string(kind);
  return "it is no file of the file system";
}

std::string fault_of_fifo(int flags) {
  return (flags & O_ACCMODE) == O_RDWR ? "it is a fifo that is open for reading and for writing" : "";
}

// What it is, in the user's words; "" when it can be relayed.
std::string fault_of(int fd) {
  struct stat status {};
  // What an exec has passed on to us has no FD_CLOEXEC; all that we have opened ourselves has.
  const int own = ::fcntl(fd, F_GETFD);
  if (own < 0 || (own & FD_CLOEXEC) != 0 || ::fstat(fd, &status) < 0) return "it is not open";
  const int flags = ::fcntl(fd, F_GETFL);
  if ((flags & O_PATH) != 0) return "it is a path without an open file (O_PATH)";
  switch (status.st_mode & S_IFMT) {
  case S_IFIFO:
    return fault_of_fifo(flags);
  case S_IFSOCK:
    return fault_of_socket(fd);
  case S_IFREG:
    return "it is a regular file";
  case S_IFDIR:
    return "it is a folder";
  case S_IFCHR:
    return ::isatty(fd) == 1 ? "it is a terminal" : "it is a device";
  case S_IFBLK:
    return "it is a device";
  default:
    return fault_of_nameless(fd);
  }
}

std::size_t number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (!text) return 0;
  const std::string_view digits = text;
  std::size_t number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return failure == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

} // namespace

std::size_t activation_fds() {
  return number_in("LISTEN_PID") == static_cast<std::size_t>(::getpid()) ? number_in("LISTEN_FDS") : 0;
}

void require_preserved_fds(std::size_t count, std::size_t from_activation) {
  if (count > max_preserved_fds)
    throw Error(ErrorCode::invalid_argument, "pass " + std::to_string(count) + " descriptors")
        .because("no more than " + std::to_string(max_preserved_fds) + " can be passed");
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = first_preserved + static_cast<int>(i);
    const auto fault = fault_of(fd);
    if (fault.empty()) continue;
    throw Error(ErrorCode::invalid_argument, "pass descriptor " + std::to_string(fd) + " of " +
                                                 (i < from_activation ? "LISTEN_FDS" : "--preserve-fds"))
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
    out.push_back(
        {ttrpc::slot_preserved + static_cast<std::uint32_t>(i), first_preserved + static_cast<int>(i)});
  return out;
}

void close_preserved_fds(std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    ::close(first_preserved + static_cast<int>(i));
}

} // namespace nacre::cli
