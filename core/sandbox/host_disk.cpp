#include "sandbox/host_disk.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "oci/file_io.hpp"
#include "sandbox/mount_table.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <vector>

namespace nacre::sandbox {
namespace {

constexpr std::uint64_t sector = 512; // of /sys/block/*/size, whatever the device has

std::string sysfs_folder(const DeviceNumber& device) {
  return "/sys/dev/block/" + std::to_string(device.major) + ":" + std::to_string(device.minor);
}

std::string first_line(const std::string& path) {
  const auto text = oci::read_file(path, 4096, "read").value_or(std::string());
  return text.substr(0, text.find('\n'));
}

std::uint64_t number_in(const std::string& path) {
  const auto text = first_line(path);
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// "DEVNAME=sdb" of a uevent file.
std::string kernel_name(const std::string& folder) {
  std::istringstream lines(oci::read_file(folder + "/uevent", 64 * 1024, "read").value_or(std::string()));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("DEVNAME=")) return line.substr(8);
  return {};
}

bool is_node_of(const std::string& path, const DeviceNumber& device) {
  struct stat status;
  return !path.empty() && ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode) &&
         major(status.st_rdev) == device.major && minor(status.st_rdev) == device.minor;
}

std::vector<std::filesystem::path> entries(const std::string& folder) {
  std::error_code failure;
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure))
    found.push_back(entry.path());
  return found;
}

dev_t number_of(const std::string& folder) {
  const auto text = first_line(folder + "/dev"); // "8:16"
  unsigned major = 0, minor = 0;
  return std::sscanf(text.c_str(), "%u:%u", &major, &minor) == 2 ? makedev(major, minor) : 0;
}

// Of the device itself and its partitions.
std::vector<dev_t> numbers_of(const std::string& folder) {
  std::vector<dev_t> numbers = {number_of(folder)};
  for (const auto& entry : entries(folder))
    if (std::filesystem::exists(entry / "partition")) numbers.push_back(number_of(entry));
  return numbers;
}

// "": none of them is mounted in this namespace.
std::string mount_point_of(const std::vector<dev_t>& numbers) {
  const MountTable table = MountTable::read();
  for (const auto& mount : table.mounts())
    if (std::find(numbers.begin(), numbers.end(), mount.device) != numbers.end()) return mount.point;
  return {};
}

bool is_swap(const std::string& name) {
  std::istringstream lines(oci::read_file("/proc/swaps", 1 << 20, "read").value_or(std::string()));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("/dev/" + name + " ") || line.starts_with("/dev/" + name + "\t")) return true;
  return false;
}

std::string user_of(const HostDisk& disk, const DeviceNumber& device) {
  const auto folder = sysfs_folder(device);
  if (const auto place = mount_point_of(numbers_of(folder)); !place.empty())
    return "it is mounted on \"" + place + "\" on the host";
  if (is_swap(kernel_name(folder))) return "the host swaps to it";
  for (const auto& holder : entries(folder + "/holders"))
    return "the host's device \"/dev/" + holder.filename().string() + "\" is made of it";
  return "something on the host has \"" + disk.node +
         "\" for itself, such as a mount that is not visible here";
}

} // namespace

std::optional<HostDisk> find_host_disk(const DeviceNumber& device, const std::string& preferred) {
  const auto folder = sysfs_folder(device);
  HostDisk disk;
  disk.node = is_node_of(preferred, device) ? preferred : "/dev/" + kernel_name(folder);
  if (!is_node_of(disk.node, device)) return std::nullopt;
  disk.bytes = number_in(folder + "/size") * sector;
  disk.read_only = number_in(folder + "/ro") != 0;
  return disk;
}

void require_unused(const HostDisk& disk, const DeviceNumber& device) {
  // On a block device O_EXCL without O_CREAT is a claim, which mounts, swap and stacked devices have:
  // open(2).
  const UniqueFd claim(::open(disk.node.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK));
  if (claim) return;
  if (errno != EBUSY) throw Error::from_errno(errno, "open the device", disk.node);
  throw Error(ErrorCode::failed_precondition, "give the container the device", disk.node)
      .because(user_of(disk, device) + ", and two kernels that write to one file system destroy it")
      .hint("end that use, or give it read-only (--device PATH:PATH:r, or a mount with ro)");
}

} // namespace nacre::sandbox
