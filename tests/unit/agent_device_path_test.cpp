// Addresses of the guest's hardware as the host writes them.
#include "device_path.hpp"

#include <catch.hpp>

using nacre::agent::scsi_address;

TEST_CASE("a SCSI address is a controller's place and a target") {
  const auto behind_a_bridge = scsi_address("scsi:02/1f:12");
  REQUIRE(behind_a_bridge);
  CHECK(behind_a_bridge->controller == "02/1f");
  CHECK(behind_a_bridge->target == "12");
  CHECK(scsi_address("scsi:mmio5:0")->controller == "mmio5");
  for (const auto* other : {"02/1f", "mmio5", "/dev/sda", "00:05.0", "scsi:", "scsi:3"})
    CHECK_FALSE(scsi_address(other));
}
