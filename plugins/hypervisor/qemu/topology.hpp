// The places for devices that a machine type has.
#pragma once

#include "place.hpp"

#include <string>
#include <vector>

namespace nacre::qemu {

class Topology {
public:
  virtual ~Topology() = default;

  // Arguments of -device that make the buses, as JSON texts.
  virtual std::vector<std::string> bus_devices() const = 0;

  // Throws NACRE_E_EXHAUSTED when all places are taken.
  virtual Place take_cold() = 0; // for a device that is there at boot
  virtual Place take_hot() = 0;  // for one that comes or goes while the guest runs
  virtual void release(const Place& place) = 0;

  virtual bool can_hot_add() const = 0;
};

} // namespace nacre::qemu
