// The description of its options that a plugin exports.
#include "base/error.hpp"
#include "config/option_schema.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    nacre::config::parse_schema({reinterpret_cast<const char*>(data), size});
  } catch (const nacre::Error&) {
  }
  return 0;
}
