#include "place.hpp"

#include <cstdio>

namespace nacre::qemu {

std::string Place::pci_address() const {
  char text[16];
  std::snprintf(text, sizeof text, "%02x.0", slot);
  return text;
}

boost::json::object virtio_device(const std::string& driver, const std::string& id, const Place& place) {
  if (place.transport == Place::Transport::mmio)
    return {{"driver", driver + "-device"}, {"id", id}, {"bus", place.bus}};
  // Modern virtio only: the legacy interface costs each device an I/O BAR, which bridges have few of.
  return {{"driver", driver + "-pci"},
          {"id", id},
          {"bus", place.bus},
          {"addr", place.pci_address()},
          {"disable-legacy", "on"}};
}

} // namespace nacre::qemu
