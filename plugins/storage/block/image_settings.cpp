#include "image_settings.hpp"

namespace nacre::block {
namespace {

constexpr std::int64_t default_cache_mib = 10240;
constexpr std::int64_t default_disks = 6;

std::uint64_t unsigned_or(const sdk::Options& options, const char* key, std::int64_t other) {
  return static_cast<std::uint64_t>(options.integer_or(key, other));
}

} // namespace

ImageSettings::ImageSettings(const sdk::Options& options)
    : folders(options.boolean_or("image_folders", true)),
      cache_dir(options.string_or("image_cache_dir", "/var/lib/nacre/images")),
      cache_bytes(unsigned_or(options, "image_cache_size", default_cache_mib) << 20),
      disks(unsigned_or(options, "image_disks", default_disks)),
      write_to_memory(options.string_or("writable_layer", "disk") == "memory"),
      writable_mib(unsigned_or(options, "writable_layer_size", 0)),
      copy_volumes(options.boolean_or("copy_folder_volumes", false)) {
  if (!cache_dir.starts_with('/'))
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                     "image_cache_dir \"" + cache_dir + "\" is not an absolute path");
}

} // namespace nacre::block
