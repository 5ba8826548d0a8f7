// Where devices sit on the guest's PCI buses. Every address is chosen here and named on the command line, so
// that the guest's address of a device is known before QEMU runs and is the same after a restore.
//
// Devices that are there at boot sit on the root bus. Those that come later sit behind a root port (one each)
// or a bridge (31 each). A bridge costs the guest's boot a small part of what as many ports cost, so ports
// are only made when asked for. Hot-plug of both goes by ACPI, which needs no driver beyond the guest
// kernel's acpiphp.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace nacre::qemu {

// A place for one device.
struct PciPlace {
  std::string bus; // QEMU's id of the bus: "pcie.0", "bridge0", "port3"
  std::uint32_t slot = 0;
  std::string guest;                // the path that the guest's agent walks: "04", or "02/1f" behind a bridge
  std::string qemu_address() const; // "1f.0", for the property `addr`
};

class PciTopology {
public:
  PciTopology(std::uint32_t bridges, std::uint32_t root_ports);

  // Arguments of -device that make bridges and ports, as JSON texts.
  std::vector<std::string> bus_devices() const;

  // Throws NACRE_E_EXHAUSTED when all places are taken.
  PciPlace take_cold();
  PciPlace take_hot();
  void release(const PciPlace& place);

  bool can_hot_add() const { return !hot_.empty() || hot_taken_ != 0; }

private:
  struct Order { // ports first: they are there because somebody asked for them
    bool operator()(const PciPlace& a, const PciPlace& b) const;
  };
  static std::uint32_t bus_slot(const PciPlace& place);

  std::uint32_t bridges_, root_ports_;
  std::set<PciPlace, Order> cold_, hot_;
  std::uint32_t hot_taken_ = 0;
};

} // namespace nacre::qemu
