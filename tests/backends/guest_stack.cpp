#include "guest_stack.hpp"

#include <catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

namespace nacre::test {

using sdk::Fd;

GuestStack::GuestStack(const LinkNet& net, Fd nic) : nic_(std::move(nic)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  in_netns(space_.fd(), [&] {
    tap_ = Fd(sdk::check_errno(::open("/dev/net/tun", O_RDWR | O_CLOEXEC), "open /dev/net/tun"));
    ifreq request{};
    std::snprintf(request.ifr_name, IFNAMSIZ, "eth0");
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    sdk::check_errno(::ioctl(tap_.get(), TUNSETIFF, &request), "make a tap");
  });
  for (const int fd : {nic_.get(), tap_.get()}) { // as a hypervisor whose guest takes all of that
    sdk::check_errno(::ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), "set offloads");
    sdk::check_errno(::fcntl(fd, F_SETFL, O_NONBLOCK), "set flags");
  }
  space_.run("ip link set eth0 address 02:00:00:00:00:02 mtu " + std::to_string(net.mtu) + " up");
  space_.run("ip link set lo up");
  space_.run("ip addr add 198.18.0.2/30 dev eth0");
  space_.run("ip addr add fd00:1::2/64 dev eth0 nodad");
  carriers_.emplace_back([this] { carry(nic_.get(), tap_.get()); });
  carriers_.emplace_back([this] { carry(tap_.get(), nic_.get()); });
}

GuestStack::~GuestStack() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  for (auto& carrier : carriers_)
    carrier.join();
}

void GuestStack::carry(int from, int to) const {
  std::vector<char> frame(70000);
  while (true) {
    pollfd set[2] = {{from, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(set, 2, -1) < 0 && errno != EINTR) return;
    if (set[1].revents != 0) return;
    const ssize_t size = ::read(from, frame.data(), frame.size());
    if (size > 0) (void)!::write(to, frame.data(), static_cast<std::size_t>(size));
    if (size < 0 && errno != EAGAIN && errno != EINTR) return;
  }
}

} // namespace nacre::test
