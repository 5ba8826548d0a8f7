#include "link_change.hpp"

#include "netlink.hpp"
#include "traffic_control.hpp"

#include <nacre/sdk/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <vector>

namespace nacre::links {
namespace {

// First line of a record, by What.
constexpr std::array<std::string_view, 3> first_lines = {"ingress-qdisc-1", "root-qdisc-1", "made-link-1"};

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                     "an undo record of a link holds \"" + std::string(text) + "\" where a number belongs");
  return value;
}

std::optional<sdk::Fd> open_if_it(const std::string& path, const LinkChange& change) {
  sdk::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return std::nullopt;
  if (status.st_dev != change.netns_device || status.st_ino != change.netns_inode) return std::nullopt;
  return fd;
}

// Field 4 of proc(5) mountinfo is "net:[4026532281]" for a namespace that is kept by a mount, field 5 its
// place.
std::optional<sdk::Fd> find_among_mounts(const LinkChange& change) {
  const std::string root = "net:[" + std::to_string(change.netns_inode) + "]";
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.find(root) == line.npos) continue;
    std::istringstream words(line);
    std::string word, place;
    words >> word >> word >> word >> word >> place;
    if (auto fd = open_if_it(place, change)) return fd;
  }
  return std::nullopt;
}

std::optional<sdk::Fd> find_among_processes(const LinkChange& change) {
  std::error_code ignored; // processes come and go
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    struct stat status {};
    const std::string path = "/proc/" + name + "/ns/net";
    if (::stat(path.c_str(), &status) != 0 || status.st_ino != change.netns_inode) continue;
    if (auto fd = open_if_it(path, change)) return fd;
  }
  return std::nullopt;
}

} // namespace

LinkChange LinkChange::of(What what, int netns_fd, std::string link, std::uint32_t index) {
  struct stat status {};
  sdk::check_errno(::fstat(netns_fd, &status), "look at the pod's network namespace");
  std::error_code unknown;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(netns_fd), unknown);
  return {what, status.st_dev, status.st_ino, path.string(), std::move(link), index};
}

std::string LinkChange::text() const {
  std::ostringstream text;
  text << first_lines.at(static_cast<std::size_t>(what)) << '\n'
       << netns_device << '\n'
       << netns_inode << '\n'
       << link << '\n'
       << index << '\n'
       << netns_path;
  return text.str();
}

LinkChange LinkChange::parse(std::string_view text) {
  std::vector<std::string_view> lines; // the path comes last: it may hold anything
  while (lines.size() < 5) {
    const auto end = text.find('\n');
    if (end == text.npos) break;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  const auto first = std::find(first_lines.begin(), first_lines.end(), lines.empty() ? "" : lines[0]);
  if (lines.size() != 5 || first == first_lines.end())
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT, "this is no undo record of a link");
  return {static_cast<What>(first - first_lines.begin()),
          number(lines[1]),
          number(lines[2]),
          std::string(text),
          std::string(lines[3]),
          static_cast<std::uint32_t>(number(lines[4]))};
}

std::optional<sdk::Fd> find_netns(const LinkChange& change) {
  if (change.netns_path.starts_with('/'))
    if (auto fd = open_if_it(change.netns_path, change)) return fd;
  if (auto fd = find_among_mounts(change)) return fd;
  return find_among_processes(change);
}

void undo(const sdk::Host& host, std::string_view record) {
  const auto change = LinkChange::parse(record);
  const auto netns = find_netns(change);
  if (!netns) return;
  const Netlink netlink(host, netns->get());
  // By name and number: a link of that name that came later is another one.
  if (link_index(netlink, change.link) != change.index) return;
  switch (change.what) {
  case LinkChange::What::ingress_qdisc:
    return remove_own_ingress_qdisc(netlink, change.index, change.link);
  case LinkChange::What::root_qdisc:
    return remove_rate_limit(netlink, change.index, change.link);
  case LinkChange::What::made_link:
    return delete_link(netlink, change.index, change.link);
  }
}

} // namespace nacre::links
