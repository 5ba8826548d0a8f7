#include "arguments.hpp"

#include <boost/json/serialize.hpp>
#include <fcntl.h>

namespace nacre::qemu {

constexpr std::uint32_t first_passed_number = 3;

void Arguments::add(std::string option, std::string value) {
  words_.push_back(std::move(option));
  words_.push_back(std::move(value));
}

void Arguments::add(std::string option, const boost::json::object& value) {
  add(std::move(option), boost::json::serialize(value));
}

std::uint32_t Arguments::pass(sdk::Fd fd) {
  const auto number = first_passed_number + static_cast<std::uint32_t>(fds_.size());
  fds_.push_back({std::move(fd), number});
  return number;
}

std::uint32_t Arguments::pass_as_fdset(sdk::Fd fd, int access_mode) {
  const auto number = pass(with_access_mode(std::move(fd), access_mode));
  add("-add-fd", "fd=" + std::to_string(number) + ",set=" + std::to_string(number));
  return number;
}

std::string fdset_path(std::uint32_t fdset) {
  return "/dev/fdset/" + std::to_string(fdset);
}

std::string quoted(std::string_view value) {
  std::string text;
  for (const char c : value) {
    text += c;
    if (c == ',') text += ',';
  }
  return text;
}

sdk::Fd with_access_mode(sdk::Fd fd, int access_mode) {
  const int flags = sdk::check_errno(::fcntl(fd.get(), F_GETFL), "read a descriptor's access mode");
  if ((flags & O_ACCMODE) == access_mode) return fd;
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  return sdk::Fd(sdk::check_errno(::open(path.c_str(), access_mode | O_CLOEXEC | O_NOCTTY),
                                  "open \"" + path + "\" anew"));
}

} // namespace nacre::qemu
