// Hardware by its place, as the host's hypervisor names it: PCI paths ("04", or "02/1f" behind a bridge), and
// slots of virtio-mmio ("mmio5").
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace nacre::agent {

// The first entry of a folder that `wanted` accepts, with the folder's path before it.
std::optional<std::string> first_entry(const std::string& folder,
                                       const std::function<bool(std::string_view)>& wanted);

// The first entry of `kind` ("block", "net") that the driver of the virtio device in a place has made:
// "vda", "eth0"; nothing while there is none.
std::optional<std::string> virtio_child(std::string_view path, const std::string& kind);

// "scsi:02/1f:3": target 3 of the virtio SCSI controller in the place "02/1f".
struct ScsiAddress {
  std::string controller;
  std::string target;
};
std::optional<ScsiAddress> scsi_address(std::string_view path);
// The disk ("sda") there, LUN 0; nothing while there is none.
std::optional<std::string> scsi_disk(const ScsiAddress& address);

// "nvdimm:2": the NVDIMM in slot 2 of the virtual machine.
std::optional<std::string> nvdimm_slot(std::string_view path);
// Its disk ("pmem0"); nothing while there is none.
std::optional<std::string> nvdimm_disk(const std::string& slot);

} // namespace nacre::agent
