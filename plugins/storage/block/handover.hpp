// A disk that the host has mounted, lent to a guest: one file system mounted for writing in two kernels is
// soon none. So the host's mount is taken off, which writes everything out and needs that nobody uses it; the
// device is opened for the guest alone, which fails while any mount of it is left in any namespace; and when
// the guest has let go, it is mounted as it was before.
#pragma once

#include "disk.hpp"
#include "host_mount.hpp"

#include <nacre/sdk/host.hpp>

#include <string_view>

namespace nacre::block {

class Handover {
public:
  // Throws sdk::Error, with the mount in its place.
  Handover(sdk::Host host, const HostMount& mount, const std::string& node, bool read_only);

  Disk take_disk() { return std::move(disk_); }
  // After the guest and the VMM have closed it. Throws sdk::Error; then the journal still knows.
  void give_back() { change_.undo(); }

private:
  sdk::Change change_;
  Disk disk_;
};

// Plays a record of the journal back: mounts what is not mounted.
void undo_handover(std::string_view record);

} // namespace nacre::block
