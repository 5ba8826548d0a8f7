// The JSON text of a plugin's note.
#include "plugin/identity.hpp"
#include "base/error.hpp"

#include <cstddef>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto identity = nacre::plugin::parse_identity({reinterpret_cast<const char*>(data), size});
    for (const auto kind : nacre::plugin::all_kinds)
      nacre::plugin::capability_bits(kind, identity.capabilities);
  } catch (const nacre::Error&) {
  }
  return 0;
}
