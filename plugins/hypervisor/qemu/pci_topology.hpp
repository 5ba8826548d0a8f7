// Where devices sit on q35's PCI buses.
//
// Devices that are there at boot sit on the root bus. Those that come later sit behind a root port (one each)
// or a bridge (31 each). A bridge costs the guest's boot a small part of what as many ports cost, so ports
// are only made when asked for. Hot-plug of both goes by ACPI, which needs no driver beyond the guest
// kernel's acpiphp.
#pragma once

#include "topology.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace nacre::qemu {

class PciTopology : public Topology {
public:
  PciTopology(std::uint32_t bridges, std::uint32_t root_ports);

  std::vector<std::string> bus_devices() const override; // bridges and ports
  Place take_cold() override;
  Place take_hot() override;
  void release(const Place& place) override;
  bool can_hot_add() const override { return !hot_.empty() || hot_taken_ != 0; }

private:
  struct Order { // ports first: they are there because somebody asked for them
    bool operator()(const Place& a, const Place& b) const;
  };

  std::uint32_t bridges_, root_ports_;
  std::set<Place, Order> cold_, hot_;
  std::uint32_t hot_taken_ = 0;
};

} // namespace nacre::qemu
