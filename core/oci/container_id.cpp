#include "oci/container_id.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace nacre::oci {
namespace {

[[noreturn]] void refuse(std::string_view id, std::string_view what, std::string_view why) {
  throw Error(ErrorCode::invalid_argument, "invalid " + std::string(what), id.substr(0, 300))
      .because(why)
      .hint("use letters, digits, _, +, - and .");
}

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
         c == '-' || c == '.';
}

} // namespace

void check_id(std::string_view id, std::string_view what) {
  if (id.empty()) refuse(id, what, "it is empty");
  if (id.size() > max_id_length) refuse(id, what, "it is longer than 255 characters");
  if (id == "." || id == "..") refuse(id, what, "it names a folder");
  if (!std::all_of(id.begin(), id.end(), is_id_character))
    refuse(id, what, "it has a character that is not allowed");
}

} // namespace nacre::oci
