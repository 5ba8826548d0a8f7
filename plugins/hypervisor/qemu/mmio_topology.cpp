#include "mmio_topology.hpp"

#include <nacre/sdk/error.hpp>

namespace nacre::qemu {

// With ACPI it has a second I/O APIC for them, with a pin for each (hw/i386/microvm.c). What comes on pin 0
// does not reach a Linux guest (QEMU 7.2, TCG), so slot 0 is left out.
constexpr std::uint32_t first_slot = 1, end_slot = 24;

MmioTopology::MmioTopology() {
  for (auto slot = first_slot; slot < end_slot; ++slot)
    free_.insert(slot);
}

Place MmioTopology::take_cold() {
  if (free_.empty())
    throw sdk::Error(NACRE_E_EXHAUSTED, "machine_type \"microvm\" has room for " +
                                            std::to_string(end_slot - first_slot) +
                                            " devices; use fewer mounts by device, or machine_type \"q35\"");
  const auto slot = *free_.begin();
  free_.erase(free_.begin());
  // The number is the device's _UID in the guest's ACPI tables.
  const auto number = std::to_string(slot);
  return {"virtio-mmio-bus." + number, slot, "mmio" + number, Place::Transport::mmio};
}

Place MmioTopology::take_hot() {
  throw sdk::Error(NACRE_E_UNSUPPORTED,
                   "machine_type \"microvm\" takes no device while the guest runs; use \"q35\"");
}

void MmioTopology::release(const Place& place) {
  free_.insert(place.slot);
}

} // namespace nacre::qemu
