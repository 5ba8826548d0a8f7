#include "sandbox/folder_copy.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <cerrno>
#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using Copy = agent_client::v1::FolderCopy;

constexpr unsigned most_attempts = 50;
constexpr unsigned deepest = 16;

// It has changed while it was read.
struct Changed {};
// It cannot be copied.
struct Unfit {};

int open_in(int folder, const char* name, int flags) {
  const int fd = ::openat(folder, name, flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) throw Changed();
  return fd;
}

class Reader {
public:
  Reader(const FolderLimits& limits, const std::function<void(int)>& entered)
      : left_(limits), entered_(entered) {}

  void read_folder(UniqueFd folder, const std::string& path, unsigned depth) {
    if (depth > deepest) throw Unfit();
    entered_(folder.get());
    const auto close = [](DIR* stream) { ::closedir(stream); };
    struct stat status;
    check_errno(::fstat(folder.get(), &status), "look at", path);
    add(path, status);
    const int fd = folder.get();
    const std::unique_ptr<DIR, decltype(close)> stream(::fdopendir(folder.release()), close);
    if (!stream) throw_errno("read folder", path);
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") read_entry(fd, name, path.empty() ? name : path + "/" + name, depth);
    }
  }

  Copy take() { return std::move(copy_); }

private:
  void read_entry(int folder, const std::string& name, const std::string& path, unsigned depth) {
    struct stat status;
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) throw Changed();
    if (S_ISDIR(status.st_mode))
      return read_folder(UniqueFd(open_in(folder, name.c_str(), O_DIRECTORY)), path, depth + 1);
    if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) throw Unfit();
    auto& entry = add(path, status);
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size > left_.bytes) throw Unfit();
    left_.bytes -= size;
    *entry.mutable_content() =
        S_ISLNK(status.st_mode) ? link_text(folder, name) : content(folder, name, size);
  }

  Copy::Entry& add(const std::string& path, const struct stat& status) {
    if (left_.entries-- == 0) throw Unfit();
    auto& entry = *copy_.add_entries();
    entry.set_path(path);
    entry.set_mode(status.st_mode);
    entry.set_uid(status.st_uid);
    entry.set_gid(status.st_gid);
    return entry;
  }

  static std::string link_text(int folder, const std::string& name) {
    std::string text(PATH_MAX, '\0');
    const ssize_t length = ::readlinkat(folder, name.c_str(), text.data(), text.size());
    if (length < 0) throw Changed();
    text.resize(static_cast<std::size_t>(length));
    return text;
  }

  static std::string content(int folder, const std::string& name, std::size_t size) {
    const UniqueFd file(open_in(folder, name.c_str(), 0));
    std::string bytes(size + 1, '\0'); // one more, to see that it has not grown
    std::size_t length = 0;
    ssize_t got = 0;
    while (length < bytes.size() &&
           (got = ::read(file.get(), bytes.data() + length, bytes.size() - length)) > 0)
      length += static_cast<std::size_t>(got);
    if (got < 0 || length != size) throw Changed();
    bytes.resize(size);
    return bytes;
  }

  FolderLimits left_;
  const std::function<void(int)>& entered_;
  Copy copy_;
};

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

} // namespace

std::optional<Copy> copy_folder(int folder, const std::string& path, const FolderLimits& limits,
                                const std::function<void(int)>& entered) {
  for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
    try {
      struct stat before, after;
      check_errno(::fstat(folder, &before), "look at", path);
      Reader reader(limits, entered);
      reader.read_folder(UniqueFd(check_errno(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                              "open folder", path)),
                         "", 0);
      check_errno(::fstat(folder, &after), "look at", path);
      // Each name that comes, goes or is replaced sets it: kubelet's "..data" among them.
      if (same_time(before.st_mtim, after.st_mtim)) return reader.take();
    } catch (const Changed&) {
      // once more
    } catch (const Unfit&) {
      return std::nullopt;
    }
  }
  throw Error(ErrorCode::aborted, "copy folder", path).because("it changes all the time");
}

} // namespace nacre::sandbox
