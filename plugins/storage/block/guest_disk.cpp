#include "guest_disk.hpp"

#include "pmem.hpp"

#include <algorithm>
#include <array>

namespace nacre::block {
namespace {

constexpr std::array<std::string_view, 13> kept_words = {
    "nosuid",  "nodev",     "noexec",   "noatime", "nodiratime", "sync", "dirsync",
    "discard", "nodiscard", "lazytime", "noacl",   "nobarrier",  "dax"};
constexpr std::array<std::string_view, 2> kept_keys = {"data=", "commit="};

bool is_kept(std::string_view word) {
  return std::find(kept_words.begin(), kept_words.end(), word) != kept_words.end() ||
         std::any_of(kept_keys.begin(), kept_keys.end(),
                     [&](std::string_view key) { return word.starts_with(key); });
}

void add(std::vector<std::string>& words, std::string word) {
  if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(std::move(word));
}

} // namespace

std::string guest_fstype(const std::string& hosts) {
  if (hosts == "ext2" || hosts == "ext3" || hosts == "ext4") return "ext4"; // whose driver mounts all three
  return hosts == "xfs" || hosts == "erofs" ? hosts : std::string();
}

std::vector<std::string> guest_options(const std::string& fstype, const std::string& hosts_words,
                                       bool read_only) {
  std::vector<std::string> words;
  if (read_only) add(words, "ro");
  for (std::size_t at = 0; at < hosts_words.size();) {
    const auto end = std::min(hosts_words.find(',', at), hosts_words.size());
    if (auto word = hosts_words.substr(at, end - at); is_kept(word)) add(words, std::move(word));
    at = end + 1;
  }
  // Snapshots of one disk have one UUID, and XFS mounts each UUID once.
  if (fstype == "xfs") add(words, "nouuid");
  return words;
}

sdk::Device guest_disk(const Settings& settings, std::string id, Disk disk, bool read_only) {
  sdk::Device device;
  device.guest.kind = NACRE_DEVICE_BLOCK;
  device.guest.tag = id;
  device.guest.id = std::move(id);
  device.guest.read_only = read_only;
  device.guest.queues = settings.queues;
  const auto add_number = [&](const char* key, std::uint32_t own, std::uint32_t devices) {
    if (const auto number = own != 0 ? own : devices; number != 0)
      device.guest.options += ",\"" + std::string(key) + "\":" + std::to_string(number);
  };
  const auto word = [](bool value) { return value ? "true" : "false"; };
  device.guest.options = std::string("{\"driver\":\"") + (settings.scsi ? "virtio-scsi" : "virtio-blk") +
                         "\",\"aio\":\"" + settings.aio +
                         "\",\"cache_direct\":" + word(settings.cache_direct) +
                         ",\"cache_noflush\":" + word(settings.cache_noflush);
  add_number("queue_size", settings.queue_size, 0);
  add_number("logical_sector_size", settings.logical_sector, disk.logical_sector);
  // No sector that is written whole can be smaller than one that is addressed.
  add_number("physical_sector_size", settings.physical_sector,
             std::max(disk.physical_sector, settings.logical_sector));
  device.guest.options += "}";
  device.host.kind = NACRE_END_FDS;
  device.host.fds.push_back(std::move(disk.fd));
  return device;
}

sdk::Device guest_device(const Settings& settings, std::string id, Disk disk, bool read_only) {
  return settings.pmem ? guest_pmem(std::move(id), std::move(disk), read_only)
                       : guest_disk(settings, std::move(id), std::move(disk), read_only);
}

sdk::GuestMount guest_mount(const std::string& device_id, const std::string& fstype,
                            std::vector<std::string> options) {
  return {.driver = "block",
          .source = "device:" + device_id,
          .fstype = fstype,
          .mount_point = "", // the core's choice
          .options = std::move(options)};
}

} // namespace nacre::block
