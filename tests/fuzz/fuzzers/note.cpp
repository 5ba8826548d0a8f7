// The identity in a plugin's file, which is read before anything else is known of the file.
#include "plugin/note_reader.hpp"

#include <cstddef>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nacre::plugin::read_note(std::span(data, size));
  return 0;
}
