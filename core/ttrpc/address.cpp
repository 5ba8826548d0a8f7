#include "ttrpc/address.hpp"

#include "base/paths.hpp"

#include <array>
#include <cstdint>
#include <nettle/sha2.h>

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

} // namespace nacre::ttrpc
