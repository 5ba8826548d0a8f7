#include "catch.hpp"

#include "sandbox/mount_table.hpp"

#include <sys/sysmacros.h>

using nacre::sandbox::MountTable;

namespace {

const MountTable& table() {
  static const MountTable read(
      "24 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n"
      "31 24 0:30 / /var/lib/a\\040b\\134c rw - tmpfs tmpfs rw,size=4k\n"
      "32 24 0:30 /sub /mnt/sub rw master:5 propagate_from:1 - tmpfs tmpfs rw,size=4k\n"
      "not a line of it\n");
  return read;
}

} // namespace

TEST_CASE("a mount is known with its file system, the folder of it, and its place without escapes") {
  REQUIRE(table().mounts().size() == 3);
  const auto& volume = *table().find(31);
  CHECK(volume.device == makedev(0, 30));
  CHECK(volume.root == "/");
  CHECK(volume.point == "/var/lib/a b\\c");
  CHECK(volume.fstype == "tmpfs");
  CHECK(table().find(32)->root == "/sub");
  CHECK(table().find(33) == nullptr);
}

TEST_CASE("a mount that takes or gives others is not private") {
  CHECK_FALSE(table().find(24)->is_private);
  CHECK(table().find(31)->is_private);
  CHECK_FALSE(table().find(32)->is_private);
}

TEST_CASE("what is below a folder is not what is on it or beside it") {
  CHECK(table().has_below("/mnt"));
  CHECK(table().has_below("/"));
  CHECK_FALSE(table().has_below("/mnt/sub"));
  CHECK_FALSE(table().has_below("/mn"));
}
