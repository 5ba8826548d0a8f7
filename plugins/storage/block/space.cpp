#include "space.hpp"

#include "format.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace nacre::block {
namespace {

using sdk::check_errno;
using sdk::Error;
using sdk::Fd;

constexpr std::uint64_t smallest = 16ULL << 20; // with a journal, less leaves no room
constexpr std::uint64_t largest = 8ULL << 40;   // half of what a file on ext4 can have

std::string file_in(const std::string& folder) {
  return "\"" + folder + "/" + space_file + "\"";
}

std::uint64_t bytes_for(int folder, const std::string& path) {
  struct statvfs system {};
  check_errno(::fstatvfs(folder, &system), "ask for the size of \"" + path + "\"");
  return std::clamp(std::uint64_t{system.f_blocks} * system.f_frsize, smallest, largest);
}

// With its name when it is whole only.
Fd make_space(sdk::Host host, const sdk::Call& call, int folder, const std::string& path) {
  const std::string what = "make the volume's disk " + file_in(path);
  const int made = ::openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (made < 0 && errno == EOPNOTSUPP)
    throw Error(NACRE_E_UNSUPPORTED,
                what + ": its file system has no files without a name (O_TMPFILE); have the folder on "
                       "ext4, xfs or btrfs, or set disable_guest_empty_dir and no emptydir_mode");
  Fd file(check_errno(made, what));
  check_errno(::ftruncate(file.get(), static_cast<off_t>(bytes_for(folder, path))), what);
  make_ext4(host, call, file.get(), {"-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"},
            what);
  const std::string by_number = "/proc/self/fd/" + std::to_string(file.get());
  check_errno(::linkat(AT_FDCWD, by_number.c_str(), folder, space_file, AT_SYMLINK_FOLLOW), what);
  return file;
}

// Where the folder was shared with a guest once, a container could have put anything there.
void require_own(int file, const std::string& path) {
  struct stat status {};
  check_errno(::fstat(file, &status), "look at " + file_in(path));
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || status.st_nlink != 1 ||
      (status.st_mode & 077) != 0)
    throw Error(NACRE_E_PERMISSION, "cannot use " + file_in(path) +
                                        " as the volume's disk: it is not a file that only its owner, "
                                        "nacre's user, can change; remove it");
}

} // namespace

sdk::Claim claim_space(const sdk::MountRequest&) {
  if (find_format_program().empty())
    return sdk::Claim::no("there is no mke2fs; install Debian's package e2fsprogs");
  return sdk::Claim::yes();
}

Fd open_space(sdk::Host host, const sdk::Call& call, const std::string& path) {
  const Fd folder(check_errno(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                              "open the volume's folder \"" + path + "\""));
  Fd file(::openat(folder.get(), space_file, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && errno != ENOENT) throw Error::from_errno(errno, "open the volume's disk " + file_in(path));
  if (!file) file = make_space(host, call, folder.get(), path);
  require_own(file.get(), path);
  // Of the open file, which the VMM gets: held until the guest's disk is gone, whatever becomes of us.
  if (::flock(file.get(), LOCK_EX | LOCK_NB) < 0)
    throw Error(NACRE_E_PRECONDITION, "cannot use the volume's disk " + file_in(path) +
                                          ": another virtual machine has it; end that pod first");
  return file;
}

} // namespace nacre::block
