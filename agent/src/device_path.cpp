#include "device_path.hpp"

#include "file.hpp"

#include <cstdlib>
#include <dirent.h>
#include <memory>

namespace nacre::agent {

constexpr std::string_view mmio_prefix = "mmio";

std::optional<std::string> first_entry(const std::string& folder,
                                       const std::function<bool(std::string_view)>& wanted) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) return std::nullopt;
  while (const auto* entry = ::readdir(dir.get())) {
    if (wanted(entry->d_name)) return folder + "/" + entry->d_name;
  }
  return std::nullopt;
}

namespace {

// The slot is the device's _UID in the ACPI tables; "LNRO0005" is virtio-mmio's id there.
std::optional<std::string> mmio_folder(std::string_view slot) {
  const std::string devices = "/sys/bus/platform/devices";
  return first_entry(devices, [&](std::string_view name) {
    return name.starts_with("LNRO0005:") &&
           try_read_line(devices + "/" + std::string(name) + "/firmware_node/uid") == slot;
  });
}

std::optional<std::string> pci_folder(std::string_view path) {
  std::optional<std::string> folder = "/sys/devices/pci0000:00";
  while (!path.empty() && folder) {
    const auto end = path.find('/');
    auto slot = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
    if (const auto colon = slot.rfind(':'); colon != std::string_view::npos) slot = slot.substr(colon + 1);
    std::string suffix = ":" + std::string(slot);
    if (slot.find('.') == std::string_view::npos) suffix += ".0";
    // The kernel numbers the buses behind bridges; only the slot is known beforehand.
    folder = first_entry(*folder, [&](std::string_view name) { return name.ends_with(suffix); });
  }
  return folder;
}

std::optional<std::string> virtio_folder(std::string_view path) {
  const auto device =
      path.starts_with(mmio_prefix) ? mmio_folder(path.substr(mmio_prefix.size())) : pci_folder(path);
  if (!device) return std::nullopt;
  return first_entry(*device, [](std::string_view name) { return name.starts_with("virtio"); });
}

std::optional<std::string> name_of_first(const std::string& folder) {
  const auto child = first_entry(folder, [](std::string_view name) { return name.front() != '.'; });
  if (!child) return std::nullopt;
  return child->substr(child->rfind('/') + 1);
}

} // namespace

std::optional<std::string> virtio_child(std::string_view path, const std::string& kind) {
  const auto virtio = virtio_folder(path);
  return virtio ? name_of_first(*virtio + "/" + kind) : std::nullopt;
}

std::optional<ScsiAddress> scsi_address(std::string_view path) {
  constexpr std::string_view prefix = "scsi:";
  const auto colon = path.rfind(':');
  if (!path.starts_with(prefix) || colon < prefix.size()) return std::nullopt;
  return ScsiAddress{std::string(path.substr(prefix.size(), colon - prefix.size())),
                     std::string(path.substr(colon + 1))};
}

// .../virtio4/host0/target0:0:3/0:0:3:0/block/sda
std::optional<std::string> scsi_disk(const ScsiAddress& address) {
  auto folder = virtio_folder(address.controller);
  for (const auto& [start, end] : {std::pair<std::string, std::string>{"host", ""},
                                   {"target", ":0:" + address.target},
                                   {"", ":0:" + address.target + ":0"}}) {
    if (!folder) return std::nullopt;
    folder = first_entry(
        *folder, [&](std::string_view name) { return name.starts_with(start) && name.ends_with(end); });
  }
  return folder ? name_of_first(*folder + "/block") : std::nullopt;
}

std::optional<std::string> nvdimm_slot(std::string_view path) {
  constexpr std::string_view prefix = "nvdimm:";
  if (!path.starts_with(prefix)) return std::nullopt;
  return std::string(path.substr(prefix.size()));
}

// nmem0/nfit/handle is "0x1" for the first slot (QEMU's hw/acpi/nvdimm.c); region0/mapping0 is
// "nmem0,0,67108864,0", and below the region is namespace0.0/block/pmem0.
std::optional<std::string> nvdimm_disk(const std::string& slot) {
  const std::string bus = "/sys/bus/nd/devices";
  const auto number = parse_number(slot);
  if (!number) return std::nullopt;
  const auto memory = first_entry(bus, [&](std::string_view name) {
    const auto handle = try_read_line(bus + "/" + std::string(name) + "/nfit/handle");
    return name.starts_with("nmem") && handle && std::strtoull(handle->c_str(), nullptr, 0) == *number + 1;
  });
  if (!memory) return std::nullopt;
  const auto start = memory->substr(memory->rfind('/') + 1) + ",";
  const auto region = first_entry(bus, [&](std::string_view name) {
    const auto mapping = try_read_line(bus + "/" + std::string(name) + "/mapping0");
    return name.starts_with("region") && mapping && mapping->starts_with(start);
  });
  if (!region) return std::nullopt;
  const auto space = first_entry(*region, [](std::string_view name) {
    return name.starts_with("namespace") && name.find('.') != name.npos; // "namespace_seed" is a file
  });
  return space ? name_of_first(*space + "/block") : std::nullopt;
}

} // namespace nacre::agent
