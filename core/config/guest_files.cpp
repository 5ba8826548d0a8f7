// Whether the guest's files can be used.
#include "config/config.hpp"

#include "base/error.hpp"
#include "config/kata_assets.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace nacre::config {
namespace {

void require_file(const std::string& what, const std::string& path, const Origin& origin) {
  const std::string hint = origin.is_default()
                               ? "install the guest image, or set \"" + what + "\" in the configuration"
                               : "correct \"" + what + "\" at " + origin.text();
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0)
    throw Error::from_errno(errno, "open guest " + what, path).hint(hint);
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorCode::invalid_argument, "open guest " + what, path)
        .because("not a regular file")
        .hint(hint);
  if (::access(path.c_str(), R_OK) < 0) throw Error::from_errno(errno, "open guest " + what, path).hint(hint);
}

void refuse_kata_asset(const std::string& what, const std::string& path, const Origin& origin) {
  throw Error(ErrorCode::failed_precondition, "use guest " + what, path)
      .because("it is Kata's, whose agent speaks another protocol")
      .hint("remove the line " + origin.text() + ", or write kata_assets = \"replace\" in [runtime]");
}

} // namespace

void GuestOptions::require_files() const {
  if (has_kata_assets) {
    if (is_kata_asset(image)) refuse_kata_asset("image", image, image_origin);
    if (is_kata_asset(initrd)) refuse_kata_asset("initrd", initrd, initrd_origin);
    refuse_kata_asset("kernel", kernel, kernel_origin);
  }
  require_file("kernel", kernel, kernel_origin);
  if (!initrd.empty()) require_file("initrd", initrd, initrd_origin);
  if (!image.empty()) require_file("image", image, image_origin);
}

} // namespace nacre::config
