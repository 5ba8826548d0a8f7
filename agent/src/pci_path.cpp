#include "pci_path.hpp"

#include <dirent.h>
#include <memory>

namespace nacre::agent {

std::optional<std::string> first_entry(const std::string& folder,
                                       const std::function<bool(std::string_view)>& wanted) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) return std::nullopt;
  while (const auto* entry = ::readdir(dir.get())) {
    if (wanted(entry->d_name)) return folder + "/" + entry->d_name;
  }
  return std::nullopt;
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

std::optional<std::string> virtio_child(std::string_view path, const std::string& kind) {
  const auto pci = pci_folder(path);
  if (!pci) return std::nullopt;
  const auto virtio = first_entry(*pci, [](std::string_view name) { return name.starts_with("virtio"); });
  if (!virtio) return std::nullopt;
  const auto child =
      first_entry(*virtio + "/" + kind, [](std::string_view name) { return name.front() != '.'; });
  if (!child) return std::nullopt;
  return child->substr(child->rfind('/') + 1);
}

} // namespace nacre::agent
