#include "catch.hpp"

#include "base/error.hpp"
#include "plugin/plan.hpp"

#include <map>
#include <string>

using namespace nacre::plugin;

namespace {

Offer offer(std::map<std::uint32_t, std::uint64_t> devices, std::uint64_t capabilities = NACRE_HV_INITRD) {
  return {{Kind::hypervisor, "tiny", "/etc/nacre/configuration.toml:2"},
          capabilities,
          [devices = std::move(devices)](std::uint32_t kind) {
            const auto it = devices.find(kind);
            return it == devices.end() ? 0 : it->second;
          }};
}

Need storage(std::uint64_t cold, std::uint64_t hot, bool shared_ram = false) {
  return {{Kind::storage, "virtio-fs", "/etc/nacre/configuration.toml:4"}, {cold, hot}, shared_ram, false};
}

} // namespace

TEST_CASE("a mismatch names both plugins and the lines to change") {
  CHECK_THROWS_WITH(make_plan(offer({}), {storage(1u << NACRE_DEVICE_VHOST_USER_FS, 0)}),
                    "plan the VM: storage plugin \"virtio-fs\" needs a virtio-fs share that is there at "
                    "boot, which hypervisor plugin "
                    "\"tiny\" does not offer; choose another one in [runtime] storage "
                    "(/etc/nacre/configuration.toml:4), or another "
                    "hypervisor (/etc/nacre/configuration.toml:2)");
}

TEST_CASE("a device that can only be there at boot does not serve one that must be added later") {
  const auto cold_only = offer({{NACRE_DEVICE_BLOCK, NACRE_DEV_COLD_ADD}});
  CHECK_NOTHROW(make_plan(cold_only, {storage(1u << NACRE_DEVICE_BLOCK, 0)}));
  CHECK_THROWS_WITH(make_plan(cold_only, {storage(0, 1u << NACRE_DEVICE_BLOCK)}),
                    Catch::Matchers::ContainsSubstring("needs a disk that is added while the VM runs"));
}

TEST_CASE("the plan says what the sandbox must heed") {
  const Plan plain = make_plan(offer({{NACRE_DEVICE_NET, NACRE_DEV_COLD_ADD}}), {});
  CHECK_FALSE(plain.nics_hot_add);
  CHECK(plain.ram_backing == NACRE_RAM_ANONYMOUS);
  CHECK(plain.runs_guest);

  const Plan rich =
      make_plan(offer({{NACRE_DEVICE_NET, NACRE_DEV_HOT_ADD}}, NACRE_HV_NO_GUEST), {storage(0, 0, true)});
  CHECK(rich.nics_hot_add);
  CHECK(rich.ram_backing == NACRE_RAM_SHARED_MEMFD);
  CHECK_FALSE(rich.runs_guest);
}

TEST_CASE("disks come later only if each kind of disk that is needed can") {
  const auto pmem = storage(1u << NACRE_DEVICE_BLOCK | 1u << NACRE_DEVICE_PMEM, 0);
  const std::uint64_t both = NACRE_DEV_COLD_ADD | NACRE_DEV_HOT_ADD;
  const auto cold = offer({{NACRE_DEVICE_BLOCK, both}, {NACRE_DEVICE_PMEM, NACRE_DEV_COLD_ADD}});
  CHECK(make_plan(cold, {storage(1u << NACRE_DEVICE_BLOCK, 0)}).disks_hot_add);
  CHECK_FALSE(make_plan(cold, {pmem}).disks_hot_add);
  CHECK(make_plan(offer({{NACRE_DEVICE_BLOCK, both}, {NACRE_DEVICE_PMEM, both}}), {pmem}).disks_hot_add);
  CHECK_FALSE(make_plan(cold, {}).disks_grow);
  CHECK(make_plan(offer({{NACRE_DEVICE_BLOCK, NACRE_DEV_COLD_ADD | NACRE_DEV_GROW}}), {}).disks_grow);
}

TEST_CASE("two storages that share folders are one too many") {
  Need first = storage(0, 0), second = storage(0, 0);
  first.shares_folders = second.shares_folders = true;
  second.party.name = "9p";
  CHECK_NOTHROW(make_plan(offer({}), {first, storage(0, 0)}));
  CHECK_THROWS_WITH(
      make_plan(offer({}), {first, second}),
      "plan the VM: storage plugin \"virtio-fs\" and storage plugin \"9p\" both share folders, and the "
      "first one takes them all; take one of them out of [runtime] storage "
      "(/etc/nacre/configuration.toml:4)");
}

TEST_CASE("a kind that has no name is still named") {
  CHECK_THROWS_WITH(make_plan(offer({}), {storage(1u << 30, 0)}),
                    Catch::Matchers::ContainsSubstring("device of kind 30"));
}
