#include "layer_identity.hpp"

#include <nacre/sdk/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>

namespace nacre::block {
namespace {

std::string text_of(const statx_timestamp& time) {
  return std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
}

} // namespace

std::string identity_of_layer(const std::string& folder) {
  struct statx status {};
  sdk::check_errno(::statx(AT_FDCWD, folder.c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &status),
                   "look at the layer \"" + folder + "\"");
  std::string identity = folder + "\n";
  for (const std::uint64_t number : {std::uint64_t{status.stx_dev_major}, std::uint64_t{status.stx_dev_minor},
                                     std::uint64_t{status.stx_ino}})
    identity += std::to_string(number) + " ";
  if ((status.stx_mask & STATX_BTIME) != 0) identity += text_of(status.stx_btime) + " ";
  return identity + text_of(status.stx_mtime) + " " + text_of(status.stx_ctime) + "\n";
}

} // namespace nacre::block
