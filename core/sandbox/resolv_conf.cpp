#include "sandbox/resolv_conf.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

constexpr std::size_t most_servers = 3;
constexpr std::size_t longest_file = 64 * 1024;
constexpr std::string_view blank = " \t\r";

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blank), line.size()));
  const auto word = line.substr(0, line.find_first_of(blank));
  line.remove_prefix(word.size());
  return word;
}

} // namespace

std::vector<std::uint32_t> loopback_servers(std::string_view text) {
  std::vector<std::uint32_t> found;
  std::size_t seen = 0;
  while (!text.empty() && seen < most_servers) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (take_word(line) != "nameserver") continue;
    const std::string word(take_word(line));
    if (word.empty()) continue;
    ++seen;
    in_addr address{};
    if (::inet_pton(AF_INET, word.c_str(), &address) != 1 || (ntohl(address.s_addr) >> 24) != 127) continue;
    if (std::find(found.begin(), found.end(), address.s_addr) == found.end()) found.push_back(address.s_addr);
  }
  return found;
}

ResolvConfWatch::ResolvConfWatch(agent_client::IoLoop& loop, std::string path, std::function<void()> changed)
    : loop_(loop), path_(std::move(path)),
      file_(check_errno(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), "open", path_)),
      inotify_(check_errno(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "watch", path_)) {
  const std::string opened =
      "/proc/self/fd/" + std::to_string(file_.get()); // the same file, whatever the path is now
  check_errno(::inotify_add_watch(inotify_.get(), opened.c_str(), IN_MODIFY | IN_CLOSE_WRITE), "watch",
              path_);
  loop_.run([&] {
    watch_ = loop_.add(inotify_.get(), EPOLLIN, [this, changed = std::move(changed)](std::uint32_t) {
      std::array<char, 4096> events; // what they say is known
      while (::read(inotify_.get(), events.data(), events.size()) > 0) {
      }
      changed();
    });
  });
}

ResolvConfWatch::~ResolvConfWatch() {
  loop_.run([this] { loop_.remove(watch_); });
}

std::vector<std::uint32_t> ResolvConfWatch::servers() const {
  std::string text(longest_file, '\0');
  const ssize_t length = ::pread(file_.get(), text.data(), text.size(), 0);
  if (length <= 0) return {};
  text.resize(static_cast<std::size_t>(length));
  return loopback_servers(text);
}

} // namespace nacre::sandbox
