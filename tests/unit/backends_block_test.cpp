// What the plugin `block` makes of a disk and its options.
#include "guest_disk.hpp"
#include "pmem.hpp"

#include <catch.hpp>

namespace {

using namespace nacre;
using Words = std::vector<std::string>;
using Catch::Matchers::ContainsSubstring;

sdk::GuestDevice guest_of(const std::string& options, block::Disk disk = {}) {
  return block::guest_disk(block::Settings::of(sdk::Options(options)), "block-1", std::move(disk), false)
      .guest;
}

} // namespace

TEST_CASE("block: caches count only when they are set, and native needs them") {
  CHECK_THAT(guest_of("{}").options, ContainsSubstring(R"("aio":"threads","cache_direct":false)"));
  CHECK_THAT(guest_of(R"({"block_device_cache_direct":true})").options,
             ContainsSubstring(R"("cache_direct":false)"));
  CHECK_THAT(guest_of(R"({"block_device_cache_set":true,"block_device_cache_direct":true,
                          "block_device_aio":"native"})")
                 .options,
             ContainsSubstring(R"("aio":"native","cache_direct":true,"cache_noflush":false)"));
  CHECK_THROWS_WITH(guest_of(R"({"block_device_aio":"native"})"),
                    ContainsSubstring("past the page cache only"));
}

TEST_CASE("block: sectors are the device's own, else those that are asked for") {
  CHECK_THAT(guest_of("{}", {{}, 512, 4096}).options,
             ContainsSubstring(R"("logical_sector_size":512,"physical_sector_size":4096)"));
  CHECK_THAT(guest_of(R"({"block_device_logical_sector_size":4096})", {{}, 512, 512}).options,
             ContainsSubstring(R"("logical_sector_size":4096,"physical_sector_size":4096)"));
  CHECK_THROWS_WITH(guest_of(R"({"block_device_physical_sector_size":1000})"),
                    ContainsSubstring("is 1000, it must be a power of two from 512, or 0"));
  CHECK_THROWS_WITH(guest_of(R"({"queue_size":96})"), ContainsSubstring("\"queue_size\""));
}

TEST_CASE("block: Kata's names of the driver, and its queues") {
  CHECK_THAT(guest_of(R"({"block_device_driver":"virtio-mmio"})").options,
             ContainsSubstring(R"("driver":"virtio-blk")"));
  const auto scsi = guest_of(R"({"block_device_driver":"virtio-scsi","num_queues":3,"queue_size":64})");
  CHECK_THAT(scsi.options, ContainsSubstring(R"("driver":"virtio-scsi")"));
  CHECK_THAT(scsi.options, ContainsSubstring(R"("queue_size":64)"));
  CHECK(scsi.queues == 3);
  CHECK(guest_of(R"({"num_queues":0})").queues == 1);
}

TEST_CASE("block: a disk as persistent memory, and images as disks in any case") {
  const auto settings = block::Settings::of(sdk::Options(R"({"block_device_driver":"nvdimm"})"));
  const auto guest = block::guest_device(settings, "block-1", {}, true).guest;
  CHECK(guest.kind == NACRE_DEVICE_PMEM);
  CHECK(guest.read_only);
  CHECK(block::guest_disk(settings, "block-2", {}, true).guest.kind == NACRE_DEVICE_BLOCK);
  CHECK_THAT(block::pmem_hindrance(0), ContainsSubstring("a multiple of 2 MiB, and this has 0 bytes"));
}

TEST_CASE("block: the guest gets the options that say how files behave") {
  CHECK(block::guest_options("ext4", "rw,nosuid,noatime,stripe=16,errors=remount-ro,data=writeback,discard",
                             false) == Words{"nosuid", "noatime", "data=writeback", "discard"});
  CHECK(block::guest_options("xfs", "rw,relatime,logbufs=8,noquota", true) == Words{"ro", "nouuid"});
  CHECK(block::guest_fstype("ext3") == "ext4");
  CHECK(block::guest_fstype("xfs") == "xfs");
  CHECK(block::guest_fstype("btrfs").empty());
}
