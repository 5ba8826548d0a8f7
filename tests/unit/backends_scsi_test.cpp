// QEMU's SCSI disks: one controller, a target for each disk.
#include "device.hpp"
#include "scsi_controller.hpp"

#include <catch.hpp>

namespace {

using namespace nacre;
using namespace nacre::qemu;
using Catch::Matchers::ContainsSubstring;

sdk::Device scsi_disk() {
  sdk::Device disk;
  disk.guest.kind = NACRE_DEVICE_BLOCK;
  disk.guest.id = "disk0";
  disk.guest.tag = "serial";
  disk.guest.queues = 2;
  disk.guest.options = R"({"driver":"virtio-scsi","queue_size":64,"logical_sector_size":4096})";
  disk.host.kind = NACRE_END_PATH;
  disk.host.path = "/dev/sdx";
  return disk;
}

} // namespace

TEST_CASE("a SCSI disk sits on the controller, which has the queues", "[qemu]") {
  ScsiController controller;
  CHECK_FALSE(controller);
  controller.sit_in({"bridge0", 1, "01/01"});
  auto disk = scsi_disk();
  const auto made = controller.device(disk.guest);
  CHECK(made.at("driver") == "virtio-scsi-pci");
  CHECK(made.at("num_queues") == 2);
  CHECK(made.at("virtqueue_size") == 64);

  const Place first = controller.take_target();
  CHECK(first.guest == "scsi:01/01:0");
  CHECK(first.removable());
  const auto steps = add_while_running(disk.guest, std::move(disk.host), first, 1);
  REQUIRE(steps.size() == 2);
  const auto& front = steps[1].step.arguments;
  CHECK(front.at("driver") == "scsi-hd");
  CHECK(front.at("bus") == "scsi.0");
  CHECK(front.at("scsi-id") == 0);
  CHECK(front.at("logical_block_size") == 4096);
  CHECK_FALSE(front.contains("num-queues"));
}

TEST_CASE("targets are unique, come back, and run out in words", "[qemu]") {
  ScsiController controller;
  controller.sit_in({"pcie.0", 3, "03"});
  std::vector<Place> taken;
  for (int target = 0; target < 256; ++target)
    taken.push_back(controller.take_target());
  CHECK(taken.back().guest == "scsi:03:255");
  CHECK_FALSE(taken.back().removable()); // the root bus takes nothing while the guest runs
  CHECK_THROWS_WITH(controller.take_target(), ContainsSubstring("no room for a further disk"));
  controller.release(taken[7]);
  CHECK(controller.take_target().slot == 7);
}

TEST_CASE("a driver that QEMU's disks have not is refused in words", "[qemu]") {
  auto disk = scsi_disk();
  disk.guest.options = R"({"driver":"nvdimm"})";
  CHECK_THROWS_WITH(check_device(disk.guest, disk.host), ContainsSubstring("not \"nvdimm\""));
}
