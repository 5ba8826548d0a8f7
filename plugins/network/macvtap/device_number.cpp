#include "device_number.hpp"

#include <cerrno>
#include <charconv>
#include <linux/netlink.h>
#include <map>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <sys/sysmacros.h>

namespace nacre::macvtap {
namespace {

using Words = std::map<std::string_view, std::string_view>;

// "add@PATH", then "NAME=value", each with a NUL at its end.
Words words_of(std::string_view notice) {
  Words words;
  while (!notice.empty()) {
    const auto line = notice.substr(0, notice.find('\0'));
    notice.remove_prefix(std::min(notice.size(), line.size() + 1));
    const auto equals = line.find('=');
    if (equals != line.npos) words[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return words;
}

std::optional<unsigned int> number(std::string_view text) {
  unsigned int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<dev_t> number_in(Words words, const std::string& link) {
  if (words["ACTION"] != "add" || words["SUBSYSTEM"] != "macvtap" ||
      words["DEVPATH"].find("/" + link + "/") == std::string_view::npos)
    return std::nullopt;
  const auto major = number(words["MAJOR"]), minor = number(words["MINOR"]);
  if (!major || !minor) return std::nullopt;
  return ::makedev(*major, *minor);
}

} // namespace

DeviceNotices::DeviceNotices(const sdk::Host& host, int netns_fd)
    : socket_(host.netns_socket(netns_fd, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT)) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1; // the kernel's own notices
  sdk::check_errno(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
                   "listen to the kernel's notices of devices");
}

// The notice was sent before the kernel answered that the link is made: there is nothing to wait for.
dev_t DeviceNotices::number_of(const std::string& link) const {
  char notice[8192];
  while (true) {
    const ssize_t size = ::recv(socket_.get(), notice, sizeof notice, 0);
    if (size < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
    if (size < 0) break;
    if (const auto number = number_in(words_of({notice, static_cast<std::size_t>(size)}), link))
      return *number;
  }
  throw sdk::Error(NACRE_E_INTERNAL, "the kernel named no device for link \"" + link + "\"");
}

} // namespace nacre::macvtap
