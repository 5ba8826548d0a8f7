#include "sandbox/mount_table.hpp"

#include "oci/file_io.hpp"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace nacre::sandbox {
namespace {

bool is_octal(char digit) {
  return digit >= '0' && digit <= '7';
}

// The kernel writes space, tab, newline and backslash as \040 and the like.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escape = text[at] == '\\' && at + 3 < text.size() && is_octal(text[at + 1]) &&
                        is_octal(text[at + 2]) && is_octal(text[at + 3]);
    plain += escape ? static_cast<char>(std::stoi(text.substr(at + 1, 3), nullptr, 8)) : text[at];
    if (escape) at += 3;
  }
  return plain;
}

// id parent major:minor root point options [optional...] - fstype source super-options
bool read_line(const std::string& line, HostMount& mount) {
  std::istringstream words(line);
  std::string parent, device, options, word;
  if (!(words >> mount.id >> parent >> device >> mount.root >> mount.point >> options)) return false;
  while (words >> word && word != "-")
    if (word.starts_with("shared:") || word.starts_with("master:")) mount.is_private = false;
  const auto colon = device.find(':');
  if (!(words >> mount.fstype) || colon == std::string::npos) return false;
  mount.device = makedev(static_cast<unsigned>(std::atoi(device.c_str())),
                         static_cast<unsigned>(std::atoi(device.c_str() + colon + 1)));
  mount.root = unescaped(mount.root);
  mount.point = unescaped(mount.point);
  return true;
}

} // namespace

MountTable MountTable::read() {
  return MountTable(oci::read_file("/proc/self/mountinfo", 64 << 20, "read").value_or(std::string()));
}

MountTable::MountTable(std::string_view mountinfo) {
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);)
    if (HostMount mount; read_line(line, mount)) mounts_.push_back(std::move(mount));
}

const HostMount* MountTable::find(std::uint64_t id) const {
  const auto found =
      std::find_if(mounts_.begin(), mounts_.end(), [&](const HostMount& mount) { return mount.id == id; });
  return found == mounts_.end() ? nullptr : &*found;
}

bool MountTable::has_below(std::string_view folder) const {
  const std::string start = folder == "/" ? "/" : std::string(folder) + "/";
  return std::any_of(mounts_.begin(), mounts_.end(), [&](const HostMount& mount) {
    return mount.point.size() > start.size() && mount.point.starts_with(start);
  });
}

std::uint64_t mount_id_of(int fd) {
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) < 0 || (status.stx_mask & STATX_MNT_ID) == 0)
    return 0;
  return status.stx_mnt_id;
}

} // namespace nacre::sandbox
