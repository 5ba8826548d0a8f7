#include "block_device.hpp"

#include "device_wait.hpp"
#include "error.hpp"
#include "modules.hpp"

#include <dirent.h>
#include <functional>
#include <memory>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

// The first entry of a folder that `wanted` accepts.
std::optional<std::string> first_entry(const std::string& folder,
                                       const std::function<bool(std::string_view)>& wanted) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) return std::nullopt;
  while (const auto* entry = ::readdir(dir.get())) {
    if (wanted(entry->d_name)) return folder + "/" + entry->d_name;
  }
  return std::nullopt;
}

// /sys/devices/pci0000:00/0000:00:05.0[/0000:01:03.0] of a PCI path.
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

std::optional<std::string> disk_of(const std::string& pci) {
  // virtio-blk: virtioN/block/vdX.
  const auto virtio = first_entry(pci, [](std::string_view name) { return name.starts_with("virtio"); });
  if (!virtio) return std::nullopt;
  const auto disk = first_entry(*virtio + "/block", [](std::string_view name) { return name[0] != '.'; });
  if (!disk) return std::nullopt;
  return "/dev" + disk->substr(disk->rfind('/'));
}

bool is_block_node(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISBLK(info.st_mode);
}

} // namespace

std::string find_block_device(Modules& modules, const std::string& source) {
  modules.need("virtio_blk");
  std::optional<std::string> node;
  wait_for_device("disk", source, [&] {
    if (source.starts_with('/')) {
      node = source;
    } else if (const auto pci = pci_folder(source)) {
      node = disk_of(*pci);
    }
    return node && is_block_node(*node);
  });
  return *node;
}

} // namespace nacre::agent
