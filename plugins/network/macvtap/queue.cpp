#include "queue.hpp"

#include <nacre/sdk/error.hpp>

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/mount.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::macvtap {
namespace {

// A file system that is mounted nowhere, for one device node: who has no name for it cannot open it, and the
// mount that /run or a container's /dev is may refuse devices.
sdk::Fd private_folder() {
  const sdk::Fd context(static_cast<int>(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  sdk::check_errno(context.get(), "make a private folder for a device node");
  sdk::check_errno(::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0),
                   "make a private folder for a device node");
  return sdk::Fd(static_cast<int>(sdk::check_errno(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0),
                                                   "mount a private folder for a device node")));
}

} // namespace

std::vector<sdk::Fd> open_queues(dev_t device, std::uint32_t count, const std::string& link) {
  constexpr char node[] = "tap";
  const sdk::Fd folder = private_folder();
  sdk::check_errno(::mknodat(folder.get(), node, S_IFCHR | 0600, device),
                   "make a device node for link \"" + link + "\"");
  std::vector<sdk::Fd> queues;
  while (queues.size() < count) {
    sdk::Fd queue(::openat(folder.get(), node, O_RDWR | O_CLOEXEC));
    sdk::check_errno(queue.get(), "open the device of link \"" + link + "\"");
    ifreq request{};
    request.ifr_flags =
        static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (count > 1 ? IFF_MULTI_QUEUE : 0));
    sdk::check_errno(::ioctl(queue.get(), TUNSETIFF, &request), "set up the device of link \"" + link + "\"");
    queues.push_back(std::move(queue));
  }
  return queues;
}

} // namespace nacre::macvtap
