#include "base/failpoint.hpp"

#ifdef NACRE_FAILPOINTS

#include "base/error.hpp"
#include "base/unix_socket.hpp"

#include <csignal>
#include <cstdlib>
#include <string>
#include <sys/socket.h>

namespace nacre {
namespace {

// Blocks until the test lets go: it answers with a byte, or closes its end.
void pause_at(std::string_view name, std::string_view path) {
  UniqueFd socket;
  try {
    socket = connect_unix(std::string(path), SOCK_STREAM);
  } catch (const Error&) {
    return;
  }
  const std::string line = std::string(name) + " " + std::to_string(::getpid()) + "\n";
  if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) return;
  char byte;
  while (::read(socket.get(), &byte, 1) < 0 && errno == EINTR) {
  }
}

void act(std::string_view name, std::string_view action) {
  const auto colon = action.find(':');
  const auto verb = action.substr(0, colon);
  const auto argument = colon == std::string_view::npos ? std::string_view() : action.substr(colon + 1);
  if (verb == "pause") pause_at(name, argument);
  if (verb == "error") throw Error(ErrorCode::internal, "failpoint", name).because(argument);
  if (verb == "kill") ::kill(::getpid(), SIGKILL);
}

} // namespace

void failpoint(std::string_view name) {
  const char* variable = std::getenv("NACRE_FAILPOINT");
  if (!variable) return;
  std::string_view rest(variable);
  while (!rest.empty()) {
    const auto end = rest.find(';');
    const auto item = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const auto equals = item.find('=');
    if (equals != std::string_view::npos && item.substr(0, equals) == name)
      act(name, item.substr(equals + 1));
  }
}

} // namespace nacre

#endif
