// A configuration file: of Nacre's own, of Kata's, or of nobody's. What is accepted can be shown again.
#include "base/error.hpp"
#include "config/config.hpp"

#include <cstddef>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nacre::config::Problems problems;
  try {
    const auto config = nacre::config::parse_text({reinterpret_cast<const char*>(data), size},
                                                  "/etc/nacre/configuration.toml", problems);
    config.show(true);
  } catch (const nacre::Error&) {
  }
  return 0;
}
