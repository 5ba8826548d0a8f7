// Hardware by its place: PCI paths as the host's hypervisor names them ("04", or "02/1f" behind a bridge).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace nacre::agent {

// The first entry of a folder that `wanted` accepts, with the folder's path before it.
std::optional<std::string> first_entry(const std::string& folder,
                                       const std::function<bool(std::string_view)>& wanted);

// /sys/devices/pci0000:00/0000:00:05.0[/0000:01:03.0] of a PCI path; nothing while there is no such device.
std::optional<std::string> pci_folder(std::string_view path);

// The first entry of `kind` ("block", "net") that the driver of the virtio device at a PCI path has made:
// "vda", "eth0"; nothing while there is none.
std::optional<std::string> virtio_child(std::string_view path, const std::string& kind);

} // namespace nacre::agent
