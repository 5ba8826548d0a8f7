#include "ttrpc/address.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <nettle/sha2.h>
#include <sys/stat.h>

namespace nacre::ttrpc {

std::string socket_path(std::string_view root, std::string_view namespace_name, std::string_view sandbox_id) {
  std::string name;
  name.append(root).push_back('\0');
  name.append(namespace_name).push_back('\0');
  name.append(sandbox_id);

  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, name.size(), reinterpret_cast<const std::uint8_t*>(name.data()));
  std::array<std::uint8_t, 16> digest; // SHA-256 cut to its first half
  sha256_digest(&context, digest.size(), digest.data());

  std::string path = std::string(paths::socket_dir) + "/";
  for (const auto byte : digest) {
    path.push_back("0123456789abcdef"[byte >> 4]);
    path.push_back("0123456789abcdef"[byte & 15]);
  }
  return path;
}

std::string descriptor_socket_path(std::string_view socket_path) {
  return std::string(socket_path) + ".fd";
}

void make_socket_dir() {
  const std::string folder = paths::socket_dir;
  for (const auto& path : {folder.substr(0, folder.rfind('/')), folder})
    if (::mkdir(path.c_str(), 0711) < 0 && errno != EEXIST) throw_errno("make folder", path);
  check_errno(::chmod(folder.c_str(), 0700), "set mode of", folder);
}

} // namespace nacre::ttrpc
