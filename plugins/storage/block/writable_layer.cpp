#include "writable_layer.hpp"

#include "format.hpp"

#include <unistd.h>

namespace nacre::block {

sdk::Fd make_writable_disk(sdk::Host host, const sdk::Call& call, const ImageFolder& folder,
                           std::uint64_t mib) {
  sdk::Fd file = folder.unnamed_file();
  sdk::check_errno(::ftruncate(file.get(), static_cast<off_t>(mib << 20)),
                   "make a disk of " + std::to_string(mib) + " MiB in \"" + folder.path() + "\"");
  // It ends with the container: nothing is to be recovered after a crash, so there is no journal, and no room
  // is kept for root.
  make_ext4(host, call, file.get(), {"-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=1,nodiscard"},
            "format a disk in \"" + folder.path() + "\" for what a container writes");
  return file;
}

} // namespace nacre::block
