#include "base/process_identity.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <string>
#include <string_view>

namespace nacre {

namespace {

std::optional<ProcessIdentity> read_identity(pid_t pid, bool zombies_too) {
  if (pid <= 0) return {};
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return {};
  check_errno(file.get(), "open", path);
  char buffer[1024];
  const ssize_t length = ::read(file.get(), buffer, sizeof(buffer));
  if (length < 0 && errno == ESRCH) return {}; // it ended between open and read
  check_errno(length, "read", path);

  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  std::string_view text(buffer, static_cast<std::size_t>(length));
  const auto name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= text.size())
    throw Error(ErrorCode::internal, "read process state", path).because("unexpected format");
  text.remove_prefix(name_end + 2);
  if (!zombies_too && (text.front() == 'Z' || text.front() == 'X')) return {};
  for (int field = 3; field < 22; ++field) {
    const auto space = text.find(' ');
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  ProcessIdentity identity{pid, 0};
  if (std::from_chars(text.data(), text.data() + text.size(), identity.start_ticks).ec != std::errc())
    throw Error(ErrorCode::internal, "read process state", path).because("unexpected format");
  return identity;
}

} // namespace

std::optional<ProcessIdentity> ProcessIdentity::of(pid_t pid) {
  return read_identity(pid, false);
}

bool ProcessIdentity::in_process_table() const {
  const auto now = read_identity(pid, true);
  return now && *now == *this;
}

bool ProcessIdentity::alive() const {
  const auto now = of(pid);
  return now && *now == *this;
}

} // namespace nacre
