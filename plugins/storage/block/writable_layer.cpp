#include "writable_layer.hpp"

#include "program.hpp"

#include <unistd.h>

namespace nacre::block {
namespace {

constexpr int disk_fd = 3;

} // namespace

sdk::Fd make_writable_disk(sdk::Host host, const sdk::Call& call, const ImageFolder& folder,
                           std::uint64_t mib) {
  sdk::Fd file = folder.unnamed_file();
  sdk::check_errno(::ftruncate(file.get(), static_cast<off_t>(mib << 20)),
                   "make a disk of " + std::to_string(mib) + " MiB in \"" + folder.path() + "\"");
  sdk::Spawn program;
  program.role = "disk-formatter";
  program.in_pod_mounts = true;
  program.env = {"LC_ALL=C"};
  program.fds.push_back({duplicate(file.get()), disk_fd});
  // It ends with the container: nothing is to be recovered after a crash, so there is no journal, and no room
  // is kept for root.
  program.argv = {need_program("mke2fs", "e2fsprogs"),
                  "-F",
                  "-q",
                  "-t",
                  "ext4",
                  "-O",
                  "^has_journal",
                  "-m",
                  "0",
                  "-E",
                  "lazy_itable_init=1,nodiscard",
                  "/proc/self/fd/" + std::to_string(disk_fd)};
  run_to_success(host, call, std::move(program),
                 "format a disk in \"" + folder.path() + "\" for what a container writes");
  return file;
}

} // namespace nacre::block
