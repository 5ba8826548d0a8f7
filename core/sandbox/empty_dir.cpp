#include "sandbox/empty_dir.hpp"

#include "base/unique_fd.hpp"
#include "sandbox/mount_table.hpp"

#include <fcntl.h>
#include <filesystem>
#include <linux/magic.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace nacre::sandbox {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kind = "/kubernetes.io~empty-dir/";
constexpr const char* disk_of_the_guest = "disk.img"; // storage plugin `block` puts it there, as Kata does

std::string relative(std::string_view path) {
  while (path.starts_with('/'))
    path.remove_prefix(1);
  return std::string(path);
}

// What of `path` is below `folder`, without "/" at the start; nothing: it is not below.
std::optional<std::string> below(std::string_view path, std::string_view folder) {
  if (folder == "/") return relative(path);
  if (!path.starts_with(folder)) return std::nullopt;
  path.remove_prefix(folder.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  return relative(path);
}

std::string joined(const std::string& folder, const std::string& name) {
  if (name.empty()) return folder;
  return folder == "/" ? folder + name : folder + "/" + name;
}

// ".../kubernetes.io~empty-dir/NAME", and what follows it.
std::optional<EmptyDirFolder> split(const std::string& path) {
  const auto found = path.find(kind);
  if (found == std::string::npos) return std::nullopt;
  const auto end = path.find('/', found + kind.size());
  if (found + kind.size() >= std::min(end, path.size())) return std::nullopt;
  return EmptyDirFolder{path.substr(0, end),
                        end == std::string::npos ? std::string() : relative(path.substr(end))};
}

// Where something is, by the mount that it is on.
struct Place {
  MountTable table;
  const HostMount* mount;
  std::string inner; // below the mount's point
  // In the mount's file system.
  std::string path() const { return joined(mount->root, inner); }
};

std::optional<Place> place_of(int fd, const std::string& source) {
  Place place{MountTable::read(), nullptr, {}};
  place.mount = place.table.find(mount_id_of(fd));
  std::error_code failed;
  const std::string resolved = fs::canonical(source, failed);
  if (!place.mount || failed) return std::nullopt;
  auto inner = below(resolved, place.mount->point);
  if (!inner) return std::nullopt;
  place.inner = std::move(*inner);
  return place;
}

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat one {
  }, other{};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

UniqueFd open_folder(const std::string& path, bool in_memory) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct statfs system {};
  if (!fd || ::fstatfs(fd.get(), &system) < 0 || is_memory_type(system.f_type) != in_memory)
    return UniqueFd();
  return fd;
}

} // namespace

bool is_memory_type(long type) {
  return type == TMPFS_MAGIC || type == HUGETLBFS_MAGIC;
}

// Kubelet binds the folder of a subPath to a place whose name says nothing of the volume, so the file system
// and the folder in it have to.
std::optional<EmptyDirFolder> empty_dir_in_memory(const std::string& source) {
  const UniqueFd fd = open_folder(source, true);
  const auto place = fd ? place_of(fd.get(), source) : std::nullopt;
  if (!place) return std::nullopt;
  for (const auto& other : place->table.mounts())
    if (other.device == place->mount->device && other.root == "/" &&
        other.point.find(kind) != std::string::npos)
      return EmptyDirFolder{other.point, relative(place->path())};
  return std::nullopt;
}

// The same, but the volume is no file system of its own: some other mount shows it by its name.
std::optional<EmptyDirFolder> empty_dir_on_disk(const std::string& source) {
  const UniqueFd fd = open_folder(source, false);
  if (!fd) return std::nullopt;
  std::error_code failed;
  if (auto named = split(fs::canonical(source, failed).string()); named && !failed) return named;
  const auto place = place_of(fd.get(), source);
  const auto inside = place ? split(place->path()) : std::nullopt;
  if (!inside) return std::nullopt;
  for (const auto& other : place->table.mounts()) {
    const auto rest = other.device == place->mount->device ? below(inside->volume, other.root) : std::nullopt;
    if (!rest) continue;
    EmptyDirFolder found{joined(other.point, *rest), inside->path};
    if (split(found.volume) && is_same_file(joined(found.volume, found.path), source)) return found;
  }
  return std::nullopt;
}

bool holds_only_folders(const std::string& volume) {
  std::error_code failed;
  fs::recursive_directory_iterator entry(volume, failed);
  for (; !failed && entry != fs::recursive_directory_iterator(); entry.increment(failed)) {
    const bool is_the_guest_s = entry.depth() == 0 && entry->path().filename() == disk_of_the_guest;
    if (!is_the_guest_s && entry->symlink_status(failed).type() != fs::file_type::directory) return false;
  }
  return !failed;
}

} // namespace nacre::sandbox
