// The virtio-mmio slots of QEMU's microvm. Devices are there from the boot on or never: it has no bus that
// tells the guest of a new one.
#pragma once

#include "topology.hpp"

#include <set>

namespace nacre::qemu {

class MmioTopology : public Topology {
public:
  MmioTopology();

  std::vector<std::string> bus_devices() const override { return {}; }
  Place take_cold() override;
  Place take_hot() override;
  void release(const Place& place) override;
  bool can_hot_add() const override { return false; }

private:
  std::set<std::uint32_t> free_;
};

} // namespace nacre::qemu
