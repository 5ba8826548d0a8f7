#include "settings.hpp"

#include <bit>

namespace nacre::block {
namespace {

constexpr std::uint32_t smallest_sector = 512, smallest_queue = 2;

// 0, or a power of two that is not too small.
std::uint32_t power_of_two(const sdk::Options& table, const char* key, std::uint32_t smallest) {
  const auto number = static_cast<std::uint32_t>(table.integer_or(key, 0));
  if (number != 0 && (number < smallest || !std::has_single_bit(number)))
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                     "\"" + std::string(key) + "\" in [storage.block] is " + std::to_string(number) +
                         ", it must be a power of two from " + std::to_string(smallest) + ", or 0");
  return number;
}

} // namespace

Settings Settings::of(const sdk::Options& table) {
  Settings settings;
  const auto driver = table.string_or("block_device_driver", "virtio-blk");
  settings.scsi = driver == "virtio-scsi";
  settings.pmem = driver == "nvdimm";
  settings.aio = table.string_or("block_device_aio", "threads");
  if (table.boolean_or("block_device_cache_set", false)) {
    settings.cache_direct = table.boolean_or("block_device_cache_direct", false);
    settings.cache_noflush = table.boolean_or("block_device_cache_noflush", false);
  }
  if (settings.aio == "native" &&
      !settings.cache_direct) // QEMU: aio=native was specified, but is not O_DIRECT
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                     "block_device_aio = \"native\" in [storage.block] works past the page cache only; set "
                     "block_device_cache_set and block_device_cache_direct to true, or choose \"threads\"");
  const auto queues = table.integer_or("num_queues", 1);
  settings.queues = queues == 0 ? 1 : static_cast<std::uint32_t>(queues);
  settings.queue_size = power_of_two(table, "queue_size", smallest_queue);
  settings.logical_sector = power_of_two(table, "block_device_logical_sector_size", smallest_sector);
  settings.physical_sector = power_of_two(table, "block_device_physical_sector_size", smallest_sector);
  settings.mounted_volumes = table.boolean_or("mounted_volumes", false);
  return settings;
}

} // namespace nacre::block
