#include "disk_growth.hpp"

#include "block_device.hpp"
#include "device_wait.hpp"
#include "error.hpp"
#include "file.hpp"
#include "unique_fd.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

namespace nacre::agent {

namespace {

constexpr std::uint64_t sector = 512; // of /sys/class/block/*/size, whatever the disk has
constexpr std::uint64_t xfs_magic = 0x58465342;

// The kernel's fs/ext4/ext4.h and fs/xfs/libxfs/xfs_fs.h, which no header of the C library has.
constexpr unsigned long ext4_resize_fs = _IOW('f', 16, std::uint64_t);
struct XfsGrowth {
  std::uint64_t blocks;
  std::uint32_t inode_percent;
};
constexpr unsigned long xfs_grow_data = _IOW('X', 110, XfsGrowth);
struct XfsGeometry { // of version 1
  std::uint32_t block_bytes, realtime_extent, group_blocks, groups, log_blocks, sector_bytes, inode_bytes,
      inode_percent;
  std::uint64_t blocks, realtime_blocks, realtime_extents, log_start;
  unsigned char uuid[16];
  std::uint32_t stripe_unit, stripe_width;
  std::int32_t version;
  std::uint32_t flags, log_sector_bytes, realtime_sector_bytes, directory_block_bytes;
};
constexpr unsigned long xfs_geometry = _IOR('X', 100, XfsGeometry);
static_assert(sizeof(XfsGrowth) == 16 && sizeof(XfsGeometry) == 112);

std::uint64_t bytes_of(const std::string& node) {
  const auto text = try_read_line("/sys/class/block/" + node.substr(node.rfind('/') + 1) + "/size");
  return text ? parse_number(*text).value_or(0) * sector : 0;
}

void grow_ext4(int root, const std::string& mount_point, std::uint64_t blocks) {
  if (::ioctl(root, ext4_resize_fs, &blocks) < 0) throw system_error("cannot grow ext4 on", mount_point);
}

void grow_xfs(int root, const std::string& mount_point, std::uint64_t blocks) {
  XfsGeometry geometry{};
  if (::ioctl(root, xfs_geometry, &geometry) < 0) throw system_error("cannot look at XFS on", mount_point);
  if (blocks <= geometry.blocks) return; // XFS would take a smaller size for a wish to shrink
  const XfsGrowth growth{blocks, geometry.inode_percent};
  if (::ioctl(root, xfs_grow_data, &growth) < 0) throw system_error("cannot grow XFS on", mount_point);
}

void grow_file_system(const std::string& mount_point, std::uint64_t bytes) {
  const UniqueFd root(::open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs system {};
  if (!root || ::fstatfs(root.get(), &system) < 0)
    throw system_error("cannot look at the file system of", mount_point);
  const auto blocks = bytes / static_cast<std::uint64_t>(system.f_bsize);
  switch (static_cast<std::uint64_t>(system.f_type)) {
  case EXT4_SUPER_MAGIC:
    return grow_ext4(root.get(), mount_point, blocks);
  case xfs_magic:
    return grow_xfs(root.get(), mount_point, blocks);
  default:
    throw Error(Code::failed_precondition,
                "cannot grow the file system on " + quoted(mount_point) +
                    ": only ext4 and XFS grow while they are mounted; its disk has the new size");
  }
}

} // namespace

void grow_disk(Modules& modules, const v1::GrowDiskRequest& request) {
  const auto node = find_block_device(modules, request.source());
  wait_for_device("the new size of disk", request.source(),
                  [&] { return bytes_of(node) >= request.bytes(); });
  if (!request.mount_point().empty()) grow_file_system(request.mount_point(), bytes_of(node));
}

} // namespace nacre::agent
