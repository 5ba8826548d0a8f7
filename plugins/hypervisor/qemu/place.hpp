// Where a device sits in the guest, chosen here and named on the command line, so that the guest's address of
// a device is known before QEMU runs and is the same after a restore.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>

namespace nacre::qemu {

// A place for one device.
struct Place {
  enum class Transport { pci, mmio, scsi, nvdimm };

  std::string bus;        // QEMU's id of the bus: "pcie.0", "bridge0", "port3", "virtio-mmio-bus.5", "scsi.0"
  std::uint32_t slot = 0; // or SCSI target, or NVDIMM slot
  std::string guest; // what the guest's agent looks for: PCI path "04", or "02/1f" behind a bridge; "mmio5";
                     // "scsi:02/1f:0"; "nvdimm:1"
  Transport transport = Transport::pci;
  bool hot_pluggable = false; // of a SCSI target

  std::string pci_address() const; // "1f.0", for the property `addr`
  bool removable() const {
    return transport == Transport::scsi ? hot_pluggable : transport == Transport::pci && bus != "pcie.0";
  }
};

// The argument of -device and device_add for a virtio device in this place; `driver` without its transport:
// "virtio-net".
boost::json::object virtio_device(const std::string& driver, const std::string& id, const Place& place);

} // namespace nacre::qemu
