#include "oci/file_io.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>

namespace nacre::oci {
namespace {

void write_all(int fd, std::string_view text, std::string_view operation, const std::string& path) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    check_errno(count, operation, path);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

Error too_large(std::size_t max_size, std::string_view operation, const std::string& name) {
  return Error(ErrorCode::invalid_argument, operation, name)
      .because("larger than " + std::to_string(max_size >> 20) + " MiB");
}

std::string read_to_end(int fd, std::size_t expected, std::size_t max_size, std::string_view operation,
                        const std::string& name) {
  std::string text;
  text.resize(expected);
  std::size_t length = 0;
  for (;;) {
    if (length == text.size()) text.resize(text.size() * 2);
    const auto count = ::read(fd, text.data() + length, text.size() - length);
    if (count < 0 && errno == EINTR) continue;
    if (check_errno(count, operation, name) == 0) break;
    length += static_cast<std::size_t>(count);
    if (length > max_size) throw too_large(max_size, operation, name);
  }
  text.resize(length);
  return text;
}

} // namespace

std::optional<std::string> read_file(const std::string& path, std::size_t max_size,
                                     std::string_view operation) {
  // O_NONBLOCK concerns this open alone: a fifo in the file's place must not hang us.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno(operation, path);
  }
  struct stat status {};
  check_errno(::fstat(fd.get(), &status), operation, path);
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorCode::invalid_argument, operation, path).because("not a regular file");
  if (static_cast<std::uint64_t>(status.st_size) > max_size) throw too_large(max_size, operation, path);
  return read_to_end(fd.get(), static_cast<std::size_t>(status.st_size) + 1, max_size, operation, path);
}

std::string read_standard_input(std::size_t max_size, std::string_view operation) {
  if (::fcntl(STDIN_FILENO, F_GETFD) < 0) return "";
  return read_to_end(STDIN_FILENO, 4096, max_size, operation, "standard input");
}

void replace_file(const std::string& path, std::string_view text, mode_t mode, std::string_view operation) {
  const auto slash = path.rfind('/');
  const auto name_at = slash == std::string::npos ? 0 : slash + 1;
  const auto temporary =
      path.substr(0, name_at) + "." + path.substr(name_at) + "." + std::to_string(::getpid());
  UniqueFd fd(
      check_errno(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode),
                  operation, path));
  try {
    write_all(fd.get(), text, operation, path);
    fd.reset();
    check_errno(::rename(temporary.c_str(), path.c_str()), operation, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

} // namespace nacre::oci
