#include "image_cache.hpp"

#include "build_lock.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <vector>

namespace nacre::block {
namespace {

using sdk::check_errno;
using sdk::Error;
using sdk::Fd;

constexpr const char* suffix = ".erofs";

struct Stored {
  std::string name;
  timespec used{};
  std::uint64_t bytes = 0;
};

bool longer_unused(const Stored& a, const Stored& b) {
  return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
}

std::uint64_t bytes_of(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

std::vector<Stored> stored_in(const ImageFolder& folder) {
  std::vector<Stored> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename().string();
    struct stat status {};
    if (!name.ends_with(suffix) || ::fstatat(folder.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0)
      continue;
    found.push_back({name, status.st_mtim, bytes_of(status)});
  }
  return found;
}

bool remove_unused(const ImageFolder& folder, const std::string& name) {
  const Fd image(::openat(folder.fd(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!image || ::flock(image.get(), LOCK_EX | LOCK_NB) < 0) return false;
  // Whoever opened it meanwhile waits for this lock and finds that the file has no name any more.
  return ::unlinkat(folder.fd(), name.c_str(), 0) == 0;
}

void hold(const Fd& image) {
  while (::flock(image.get(), LOCK_SH) < 0)
    if (errno != EINTR) throw Error::from_errno(errno, "hold an image");
}

} // namespace

std::string uuid_of(const std::string& identity) {
  static const boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
  return boost::uuids::to_string(generate(identity));
}

Fd ImageCache::get(const sdk::Call& call, const std::string& identity, const Build& build) const {
  const std::string uuid = uuid_of(identity);
  if (auto image = find(uuid + suffix)) return image;
  const BuildLock lock(call, folder_, uuid);
  if (auto image = find(uuid + suffix)) return image;
  Fd image;
  with_room([&] { image = make(uuid, build); });
  collect(limit_);
  return image;
}

Fd ImageCache::find(const std::string& name) const {
  while (true) {
    Fd image(::openat(folder_.fd(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!image && errno == ENOENT) return image;
    if (!image) throw Error::from_errno(errno, "open the image \"" + folder_.path() + "/" + name + "\"");
    hold(image);
    struct stat status {};
    check_errno(::fstat(image.get(), &status), "look at an image");
    if (status.st_nlink == 0) continue; // removed before we held it
    const timespec now[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
    ::futimens(image.get(), now); // only the order of removal rests on it
    return image;
  }
}

void ImageCache::with_room(const std::function<void()>& work) const {
  try {
    return work();
  } catch (const Error& error) {
    if (error.errno_value() != ENOSPC) throw;
    if (collect(0) == 0)
      throw Error(error.code(),
                  std::string(error.what()) + "; the disk of image_cache_dir \"" + folder_.path() +
                      "\" is full: make room there, or set another folder",
                  ENOSPC);
  }
  work();
}

Fd ImageCache::make(const std::string& uuid, const Build& build) const {
  const std::string name = uuid + suffix;
  const Fd file = folder_.unnamed_file();
  build(uuid, file.get());
  check_errno(::fsync(file.get()), "write the image \"" + folder_.path() + "/" + name + "\" to the disk");
  Fd image = reopen_read_only(file.get());
  hold(image); // before anybody can find it
  const std::string unnamed = "/proc/self/fd/" + std::to_string(file.get());
  const int kept = ::linkat(AT_FDCWD, unnamed.c_str(), folder_.fd(), name.c_str(), AT_SYMLINK_FOLLOW);
  check_errno(kept, "keep the image \"" + folder_.path() + "/" + name + "\"");
  return image;
}

unsigned ImageCache::collect(std::uint64_t limit) const {
  auto images = stored_in(folder_);
  std::uint64_t all = 0;
  for (const auto& image : images)
    all += image.bytes;
  std::sort(images.begin(), images.end(), longer_unused);
  unsigned removed = 0;
  for (const auto& image : images) {
    if (all <= limit) break;
    if (!remove_unused(folder_, image.name)) continue;
    all -= image.bytes;
    ++removed;
  }
  return removed;
}

} // namespace nacre::block
