// The number of the character device that a new macvtap has.
#pragma once

#include <nacre/sdk/fd.hpp>
#include <nacre/sdk/host.hpp>

#include <string>
#include <sys/types.h>

namespace nacre::macvtap {

// Hears what the kernel says of new devices in a network namespace (netlink(7), NETLINK_KOBJECT_UEVENT). The
// other sources do not serve: sysfs shows the links of the namespace that it was mounted in, and /dev/tapN
// has the name by a number that a link of another namespace may have too.
class DeviceNotices {
public:
  DeviceNotices(const sdk::Host& host, int netns_fd);

  // Of the macvtap `link`, which was made since. Throws when the kernel said nothing of it.
  dev_t number_of(const std::string& link) const;

private:
  sdk::Fd socket_;
};

} // namespace nacre::macvtap
