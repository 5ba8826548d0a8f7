#include "cli/diagnosis/folder_reader.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

std::string mode_text(mode_t mode) {
  std::string text = S_ISDIR(mode)    ? "d"
                     : S_ISLNK(mode)  ? "l"
                     : S_ISSOCK(mode) ? "s"
                     : S_ISREG(mode)  ? "-"
                                      : "?";
  for (int bit = 8; bit >= 0; --bit)
    text += mode & (1u << bit) ? "xwr"[bit % 3] : '-';
  return text;
}

} // namespace

FolderReader::FolderReader(const std::string& path)
    : path_(path), folder_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  check_errno(folder_.get(), "open folder", path);
}

UniqueFd FolderReader::open(const std::string& name, int flags) const {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, folder_.get(), name.c_str(), &how, sizeof how)));
  check_errno(fd.get(), "read", path_ + "/" + name);
  return fd;
}

std::vector<FolderReader::Entry> FolderReader::entries(const std::string& name) const {
  const auto shown = path_ + "/" + name;
  UniqueFd own = open(name, O_DIRECTORY);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), &::closedir);
  if (!stream) throw_errno("read folder", shown);
  own.release(); // the stream's now
  std::vector<Entry> list;
  while (const dirent* item = ::readdir(stream.get())) {
    const std::string_view word(item->d_name);
    struct stat status;
    if (word == "." || word == ".." ||
        ::fstatat(::dirfd(stream.get()), item->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
      continue;
    list.push_back({std::string(word), S_ISDIR(status.st_mode), S_ISREG(status.st_mode),
                    static_cast<std::uint64_t>(status.st_size), mode_text(status.st_mode)});
  }
  std::sort(list.begin(), list.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return list;
}

bool FolderReader::has(const std::string& name) const {
  struct stat status;
  return ::fstatat(folder_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

FolderReader::Tail FolderReader::tail(const std::string& name, std::size_t most) const {
  const auto shown = path_ + "/" + name;
  const UniqueFd fd = open(name, 0);
  struct stat status {};
  check_errno(::fstat(fd.get(), &status), "read", shown);
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1) // another name could be a file of the host's
    throw Error(ErrorCode::invalid_argument, "read", shown).because("not a regular file with one name");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  Tail tail{{}, size > most ? size - most : 0};
  tail.text.resize(size - tail.left_out);
  std::size_t length = 0;
  while (length < tail.text.size()) {
    const auto count = ::pread(fd.get(), tail.text.data() + length, tail.text.size() - length,
                               static_cast<off_t>(tail.left_out + length));
    if (count < 0 && errno == EINTR) continue;
    if (check_errno(count, "read", shown) == 0) break;
    length += static_cast<std::size_t>(count);
  }
  tail.text.resize(length);
  return tail;
}

} // namespace nacre::cli
