#include "config/kata_assets.hpp"

#include <filesystem>

namespace nacre::config {
namespace {

// /usr/share/kata-containers/vmlinuz.container, /opt/kata/share/x, kata-containers-initrd.img
bool has_part_of_kata(const std::filesystem::path& path) {
  for (const auto& part : path)
    if (part == "kata" || part.string().starts_with("kata-")) return true;
  return false;
}

} // namespace

bool is_kata_asset(const std::string& path) {
  if (path.empty()) return false;
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return has_part_of_kata(path) || (!error && has_part_of_kata(real));
}

} // namespace nacre::config
