#include "device_wait.hpp"

#include "error.hpp"
#include "unique_fd.hpp"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

namespace nacre::agent {

namespace {

constexpr int timeout_ms = 10'000;

UniqueFd uevent_socket() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1; // the kernel's own events
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    throw system_error("cannot listen to", "kernel device events");
  }
  return fd;
}

} // namespace

void wait_for_device(const std::string& kind, const std::string& object,
                     const std::function<bool()>& present) {
  if (present()) return;
  const auto events = uevent_socket(); // before the next look, so that nothing falls between
  while (!present()) {
    pollfd waited{events.get(), POLLIN, 0};
    if (::poll(&waited, 1, timeout_ms) == 0) {
      throw Error(Code::unavailable,
                  kind + " " + quoted(object) + " did not appear in the guest within 10 s");
    }
    char event[8192];
    while (::recv(events.get(), event, sizeof event, 0) > 0) {
    }
  }
}

} // namespace nacre::agent
