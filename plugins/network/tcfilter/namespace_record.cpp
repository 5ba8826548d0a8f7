#include "namespace_record.hpp"

#include <nacre/sdk/error.hpp>

#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <vector>

namespace nacre::tcfilter {
namespace {

constexpr std::string_view first_line = "tcfilter-qdisc-1";

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                     "an undo record of tcfilter holds \"" + std::string(text) + "\" where a number belongs");
  return value;
}

std::optional<sdk::Fd> open_if_it(const std::string& path, const QdiscRecord& record) {
  sdk::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return std::nullopt;
  if (status.st_dev != record.netns_device || status.st_ino != record.netns_inode) return std::nullopt;
  return fd;
}

// Field 4 of proc(5) mountinfo is "net:[4026532281]" for a namespace that is kept by a mount, field 5 its
// place.
std::optional<sdk::Fd> find_among_mounts(const QdiscRecord& record) {
  const std::string root = "net:[" + std::to_string(record.netns_inode) + "]";
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.find(root) == line.npos) continue;
    std::istringstream words(line);
    std::string word, place;
    words >> word >> word >> word >> word >> place;
    if (auto fd = open_if_it(place, record)) return fd;
  }
  return std::nullopt;
}

std::optional<sdk::Fd> find_among_processes(const QdiscRecord& record) {
  std::error_code ignored; // processes come and go
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    struct stat status {};
    const std::string path = "/proc/" + name + "/ns/net";
    if (::stat(path.c_str(), &status) != 0 || status.st_ino != record.netns_inode) continue;
    if (auto fd = open_if_it(path, record)) return fd;
  }
  return std::nullopt;
}

} // namespace

QdiscRecord QdiscRecord::of(int netns_fd, std::string link, std::uint32_t index) {
  struct stat status {};
  sdk::check_errno(::fstat(netns_fd, &status), "look at the pod's network namespace");
  std::error_code unknown;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(netns_fd), unknown);
  return {status.st_dev, status.st_ino, path.string(), std::move(link), index};
}

std::string QdiscRecord::text() const {
  std::ostringstream text;
  text << first_line << '\n'
       << netns_device << '\n'
       << netns_inode << '\n'
       << link << '\n'
       << index << '\n'
       << netns_path;
  return text.str();
}

QdiscRecord QdiscRecord::parse(std::string_view text) {
  std::vector<std::string_view> lines; // the path comes last: it may hold anything
  while (lines.size() < 5) {
    const auto end = text.find('\n');
    if (end == text.npos) break;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (lines.size() != 5 || lines[0] != first_line)
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT, "this is no undo record of tcfilter");
  return {number(lines[1]), number(lines[2]), std::string(text), std::string(lines[3]),
          static_cast<std::uint32_t>(number(lines[4]))};
}

std::optional<sdk::Fd> find_netns(const QdiscRecord& record) {
  if (record.netns_path.starts_with('/'))
    if (auto fd = open_if_it(record.netns_path, record)) return fd;
  if (auto fd = find_among_mounts(record)) return fd;
  return find_among_processes(record);
}

} // namespace nacre::tcfilter
