#include "oci/process_identity.hpp"

#include "base/unique_fd.hpp"

#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <string_view>

namespace nacre::oci {
namespace {

// The field after the next blank; proc(5) numbers comm 2 and state 3.
std::string_view next_field(std::string_view& rest) {
  const auto end = rest.find(' ');
  const auto field = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return field;
}

} // namespace

std::uint64_t start_ticks(pid_t pid) {
  if (pid <= 0) return 0;
  char path[32] = "/proc/";
  auto* end = std::to_chars(path + 6, path + 20, pid).ptr;
  std::memcpy(end, "/stat", 6);
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return 0;
  char buffer[1024];
  const auto count = ::read(fd.get(), buffer, sizeof buffer);
  if (count <= 0) return 0;
  std::string_view rest(buffer, static_cast<std::size_t>(count));
  // comm is in parentheses and may hold both blanks and parentheses: the last one counts.
  const auto close = rest.rfind(')');
  if (close == std::string_view::npos || close + 2 > rest.size()) return 0;
  rest = rest.substr(close + 2);
  const auto state = next_field(rest);
  if (state == "Z" || state == "X") return 0;
  for (int field = 4; field < 22; ++field)
    next_field(rest);
  const auto text = next_field(rest);
  std::uint64_t ticks = 0;
  std::from_chars(text.data(), text.data() + text.size(), ticks);
  return ticks;
}

bool is_alive(pid_t pid, std::uint64_t ticks) {
  return ticks != 0 && start_ticks(pid) == ticks;
}

} // namespace nacre::oci
