// QEMU's NVDIMMs: slots, addresses, and what QEMU is told.
#include "command_line.hpp"
#include "device.hpp"

#include <catch.hpp>
#include <sys/mman.h>

namespace {

using namespace nacre;
using namespace nacre::qemu;
using Catch::Matchers::ContainsSubstring;

sdk::Device nvdimm_of(std::int64_t bytes, bool read_only = false) {
  sdk::Device device;
  device.guest.kind = NACRE_DEVICE_PMEM;
  device.guest.id = "block-1";
  device.guest.read_only = read_only;
  device.host.kind = NACRE_END_FDS;
  sdk::Fd file(::memfd_create("disk", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), bytes) == 0);
  device.host.fds.push_back(std::move(file));
  return device;
}

} // namespace

TEST_CASE("an NVDIMM is the host's file itself, read-only on both sides where it has to be", "[qemu]") {
  auto device = nvdimm_of(4 << 20, true);
  check_device(device.guest, device.host);
  NvdimmRoom room({1, 4 << 20});
  const Place place = room.take(nvdimm::bytes_of(device.guest, device.host));
  CHECK(place.guest == "nvdimm:0");
  CHECK_FALSE(place.removable());
  const auto steps = add_while_running(device.guest, std::move(device.host), place, 7);
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].step.command == "add-fd");
  CHECK(steps[0].step.fd);
  auto backend = steps[1].step.arguments;
  nvdimm::set_file(backend, 12);
  CHECK(backend.at("mem-path") == "/proc/self/fd/12");
  CHECK(backend.at("size") == 4 << 20);
  CHECK(backend.at("share") == true);
  CHECK(backend.at("readonly") == true);
  const auto& front = steps[2].step.arguments;
  CHECK(front.at("memdev") == backend.at("id"));
  CHECK(front.at("slot") == 0);
  CHECK(front.at("unarmed") == true);
}

TEST_CASE("slots and addresses for NVDIMMs come back, and run out in words", "[qemu]") {
  NvdimmRoom room({2, 8 << 20});
  const Place first = room.take(6 << 20);
  CHECK_THROWS_WITH(room.take(4 << 20),
                    ContainsSubstring("no room for a further NVDIMM of 4 MiB; raise memory_offset"));
  CHECK(room.take(2 << 20).slot == 1);
  room.release(first);
  CHECK(room.take(2 << 20).slot == 0);
  CHECK_THROWS_WITH(room.take(2 << 20), ContainsSubstring("no room")); // no slot
}

TEST_CASE("a machine has the room that its NVDIMMs need, and what is kept for later ones", "[qemu]") {
  sdk::VmDescription vm;
  CHECK(nvdimm_demand({}, vm).slots == 0);
  vm.devices.push_back(nvdimm_of(4 << 20));
  CHECK(nvdimm_demand({}, vm).slots == 1);
  CHECK(nvdimm_demand({}, vm).bytes == 4 << 20);
  Options options;
  options.nvdimm_bytes = 64 << 20;
  CHECK(nvdimm_demand(options, vm).slots > 1);
  CHECK(nvdimm_demand(options, vm).bytes == 68 << 20);
  vm.devices.push_back(nvdimm_of((2 << 20) + 4096));
  CHECK_THROWS_WITH(nvdimm_demand({}, vm), ContainsSubstring("a multiple of 2 MiB, not 2101248 bytes"));
}
