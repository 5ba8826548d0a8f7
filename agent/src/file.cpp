#include "file.hpp"

#include "error.hpp"

#include <cerrno>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace nacre::agent {

namespace {

void write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      throw system_error("cannot write", path);
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
}

} // namespace

std::optional<std::string> try_read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string content;
  char chunk[4096];
  while (true) {
    const auto n = ::read(fd.get(), chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) return content;
    content.append(chunk, static_cast<std::size_t>(n));
  }
}

std::string read_file(const std::string& path) {
  auto content = try_read_file(path);
  if (!content) throw system_error("cannot read", path);
  return std::move(*content);
}

std::optional<std::string> try_read_line(const std::string& path) {
  auto content = try_read_file(path);
  if (!content) return std::nullopt;
  while (!content->empty() && (content->back() == '\n' || content->back() == ' '))
    content->pop_back();
  return content;
}

void write_value(const std::string& path, std::string_view value) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) throw system_error("cannot open", path);
  // The kernel takes a value whole or not at all.
  if (::write(fd.get(), value.data(), value.size()) < 0) {
    throw system_error("cannot write " + quoted(value) + " to", path);
  }
}

void make_file(const std::string& path, std::string_view content, mode_t mode) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) throw system_error("cannot make", path);
  write_all(fd.get(), content, path);
}

void set_owner_and_mode(const std::string& path, uid_t uid, gid_t gid, mode_t mode) {
  if (::lchown(path.c_str(), uid, gid) < 0 || (!S_ISLNK(mode) && ::chmod(path.c_str(), mode & 07777) < 0)) {
    throw system_error("cannot set owner and mode of", path);
  }
}

void make_folders(const std::string& path) {
  if (path.empty() || path == "/") return;
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return;
  if (errno != ENOENT) throw system_error("cannot make folder", path);
  make_folders(parent_of(path));
  if (::mkdir(path.c_str(), 0755) < 0 && errno != EEXIST) throw system_error("cannot make folder", path);
}

void remove_flat_folder(const std::string& path) noexcept {
  if (auto* dir = ::opendir(path.c_str())) {
    while (const auto* entry = ::readdir(dir))
      ::unlinkat(::dirfd(dir), entry->d_name, 0);
    ::closedir(dir);
  }
  ::rmdir(path.c_str());
}

std::string parent_of(const std::string& path) {
  auto end = path.find_last_not_of('/');
  if (end == std::string::npos) return "/";
  end = path.find_last_of('/', end);
  if (end == std::string::npos) return ".";
  return end == 0 ? "/" : path.substr(0, end);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

} // namespace nacre::agent
