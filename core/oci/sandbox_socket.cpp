#include "oci/sandbox_socket.hpp"

#include "base/paths.hpp"

#include <sha2.h>

namespace nacre::oci {

std::string sandbox_socket(std::string_view root, std::string_view namespace_name,
                           std::string_view sandbox_id) {
  std::string text(root);
  text += '\0';
  text += namespace_name;
  text += '\0';
  text += sandbox_id;
  char digest[SHA256_DIGEST_STRING_LENGTH];
  SHA256Data(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), digest);
  return std::string(paths::socket_dir) + "/" + std::string(digest, 32);
}

} // namespace nacre::oci
