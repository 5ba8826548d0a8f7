#include "pci_topology.hpp"

#include <nacre/sdk/error.hpp>

#include <cstdio>
#include <tuple>

namespace nacre::qemu {
namespace {

// Slots of q35's root bus: 0 is the host bridge, 0x1f the chipset's own.
constexpr std::uint32_t first_bus_slot = 1, last_root_slot = 0x1e;
constexpr std::uint32_t ports_in_slot = 8; // functions
// Slot 0 of a bridge belongs to its own hot-plug controller.
constexpr std::uint32_t first_bridge_slot = 1, last_bridge_slot = 0x1f;
// What the firmware keeps free behind a bridge, else one that is empty at the boot has room for nothing
// later. A virtio device takes 4 KiB of memory and 16 KiB of prefetchable memory; windows are whole MiB.
constexpr const char* window = "2097152";

std::string hex2(std::uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof text, "%02x", number);
  return text;
}

} // namespace

bool PciTopology::Order::operator()(const Place& a, const Place& b) const {
  const auto key = [](const Place& place) {
    return std::make_tuple(!place.bus.starts_with("port"), place.bus.size(), place.bus, place.slot);
  };
  return key(a) < key(b);
}

PciTopology::PciTopology(std::uint32_t bridges, std::uint32_t root_ports)
    : bridges_(bridges), root_ports_(root_ports) {
  std::uint32_t slot = first_bus_slot;
  for (std::uint32_t bridge = 0; bridge < bridges; ++bridge, ++slot)
    for (std::uint32_t inner = first_bridge_slot; inner <= last_bridge_slot; ++inner)
      hot_.insert({"bridge" + std::to_string(bridge), inner, hex2(slot) + "/" + hex2(inner)});
  for (std::uint32_t port = 0; port < root_ports; ++port) {
    const std::string path = hex2(slot + port / ports_in_slot) + "." + std::to_string(port % ports_in_slot);
    hot_.insert({"port" + std::to_string(port), 0, path + "/00"});
  }
  slot += (root_ports + ports_in_slot - 1) / ports_in_slot;
  for (; slot <= last_root_slot; ++slot)
    cold_.insert({"pcie.0", slot, hex2(slot)});
}

std::vector<std::string> PciTopology::bus_devices() const {
  std::vector<std::string> devices;
  std::uint32_t slot = first_bus_slot;
  for (std::uint32_t bridge = 0; bridge < bridges_; ++bridge, ++slot)
    devices.push_back(R"({"driver":"pci-bridge","id":"bridge)" + std::to_string(bridge) +
                      R"(","bus":"pcie.0","addr":")" + hex2(slot) + R"(.0","chassis_nr":)" +
                      std::to_string(bridge + 1) + R"(,"shpc":false,"mem-reserve":)" + window +
                      R"(,"pref64-reserve":)" + window + "}");
  for (std::uint32_t port = 0; port < root_ports_; ++port) {
    const std::string number = std::to_string(port);
    devices.push_back(R"({"driver":"pcie-root-port","id":"port)" + number + R"(","bus":"pcie.0","addr":")" +
                      hex2(slot + port / ports_in_slot) + "." + std::to_string(port % ports_in_slot) +
                      R"(","multifunction":true,"chassis":)" + std::to_string(port + 32) + R"(,"slot":)" +
                      std::to_string(port + 1) + "}");
  }
  return devices;
}

Place PciTopology::take_cold() {
  if (cold_.empty())
    throw sdk::Error(NACRE_E_EXHAUSTED,
                     "the guest's root bus has no room for a further device; use fewer mounts by "
                     "device, or fewer bridges and root ports");
  return cold_.extract(cold_.begin()).value();
}

Place PciTopology::take_hot() {
  if (hot_.empty())
    throw sdk::Error(
        NACRE_E_EXHAUSTED,
        "no PCI slot is free for a device that is added while the guest runs; raise default_bridges");
  ++hot_taken_;
  return hot_.extract(hot_.begin()).value();
}

void PciTopology::release(const Place& place) {
  if (place.bus == "pcie.0") {
    cold_.insert(place);
    return;
  }
  --hot_taken_;
  hot_.insert(place);
}

} // namespace nacre::qemu
