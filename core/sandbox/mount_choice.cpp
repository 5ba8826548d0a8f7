#include "sandbox/mount_choice.hpp"

#include "base/error.hpp"
#include "sandbox/empty_dir.hpp"

#include <algorithm>
#include <filesystem>
#include <linux/magic.h>
#include <optional>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

namespace nacre::sandbox {
namespace {

bool is_below(std::string_view path, std::string_view folder) {
  return path == folder ||
         (path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/');
}

std::string absolute(const std::string& source, const std::string& bundle) {
  return source.starts_with("/") ? source : bundle + "/" + source;
}

// Of a folder on the host that is a file system of its own in memory.
std::optional<GuestMemory> memory_of(const std::string& source) {
  struct statfs system {};
  struct stat folder {
  }, parent{};
  if (::statfs(source.c_str(), &system) < 0 || !is_memory_type(system.f_type) ||
      ::stat(source.c_str(), &folder) < 0 || ::stat((source + "/..").c_str(), &parent) < 0 ||
      folder.st_dev == parent.st_dev)
    return std::nullopt;
  GuestMemory memory;
  memory.name = std::to_string(folder.st_dev) + "-" + std::to_string(folder.st_ino);
  memory.bytes = static_cast<std::uint64_t>(system.f_blocks) * static_cast<std::uint64_t>(system.f_bsize);
  memory.mode = folder.st_mode & 07777;
  memory.uid = folder.st_uid;
  memory.gid = folder.st_gid;
  if (system.f_type == HUGETLBFS_MAGIC) memory.huge_page = static_cast<std::uint64_t>(system.f_bsize);
  for (const auto& [flag, name] :
       {std::pair{ST_NOSUID, "nosuid"}, {ST_NODEV, "nodev"}, {ST_NOEXEC, "noexec"}})
    if ((static_cast<unsigned long>(system.f_flags) & flag) != 0) memory.options.emplace_back(name);
  return memory;
}

// As the runtime specification names a size of pages: "2MB".
std::string page_name(std::uint64_t bytes) {
  if (bytes >= 1 << 30) return std::to_string(bytes >> 30) + "GB";
  return bytes >= 1 << 20 ? std::to_string(bytes >> 20) + "MB" : std::to_string(bytes >> 10) + "KB";
}

// The guest has to set the pages aside, so it must know how many; kubelet mounts without a size and says it
// in the container's limits.
void size_huge_pages(GuestMemory& memory, const oci::Spec& spec, const std::string& source) {
  if (memory.bytes != 0) return;
  const auto name = page_name(memory.huge_page);
  const auto& limits = spec.linux.resources.huge_page_limits;
  if (const auto limit = limits.find(name); limit != limits.end()) memory.bytes = limit->second;
  if (memory.bytes == 0)
    throw Error(ErrorCode::invalid_argument, "make a volume of huge pages in the guest for", source)
        .because("it has no size, and the container no limit for pages of " + name)
        .hint("mount it with a size, or set the limit (in Kubernetes hugepages-2Mi or hugepages-1Gi)");
}

GuestMountChoice in_memory(GuestMemory memory, VolumeFolder folder, const oci::Spec& spec,
                           const std::string& source) {
  if (memory.huge_page != 0) size_huge_pages(memory, spec, source);
  return {GuestMountChoice::How::memory, source, std::move(memory), std::move(folder)};
}

std::optional<GuestMountChoice> choose_empty_dir_in_memory(const oci::Spec& spec, const std::string& source) {
  const auto found = empty_dir_in_memory(source);
  if (!found || !holds_only_folders(found->volume)) return std::nullopt;
  auto memory = memory_of(found->volume);
  struct stat status {};
  if (!memory || ::stat(source.c_str(), &status) < 0) return std::nullopt;
  return in_memory(std::move(*memory), {found->path, status.st_mode & 07777, status.st_uid, status.st_gid},
                   spec, source);
}

std::optional<GuestMountChoice> choose_empty_dir_on_disk(const std::string& source) {
  const auto found = empty_dir_on_disk(source);
  struct stat volume {
  }, folder{};
  if (!found || !holds_only_folders(found->volume) || ::stat(found->volume.c_str(), &volume) < 0 ||
      ::stat(source.c_str(), &folder) < 0)
    return std::nullopt;
  GuestMountChoice choice{GuestMountChoice::How::space, source, {}, {}};
  choice.space = {found->volume, {"volume", volume.st_mode & 07777, volume.st_uid, volume.st_gid}};
  choice.folder = {found->path, folder.st_mode & 07777, folder.st_uid, folder.st_gid};
  return choice;
}

bool is_device(const std::string& source) {
  struct stat status;
  return ::stat(source.c_str(), &status) == 0 && (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode));
}

// What programs of the host's put below /dev, its kernel does not: shared memory, sockets such as /dev/log.
bool is_made_by_programs(const std::string& source) {
  struct stat status;
  return is_below(source, "/dev/shm") || (::stat(source.c_str(), &status) == 0 && S_ISSOCK(status.st_mode));
}

// A volume of those kinds as a whole, by kubelet's names. Nobody writes to it but kubelet. A subPath of it
// is a mount of its own elsewhere, and stays what it was at the start, as in each runtime.
bool is_kubelet_data_volume(const oci::Mount& mount, const std::string& source) {
  if (!oci::has_option(mount.options, "ro")) return false;
  for (const std::string kind : {"configmap", "secret", "projected", "downward-api"}) {
    const std::string folder = "/kubernetes.io~" + kind + "/";
    const auto found = source.find(folder);
    if (found == source.npos) continue;
    const auto name = source.substr(found + folder.size());
    std::error_code error;
    return !name.empty() && name.find('/') == name.npos && std::filesystem::is_directory(source, error);
  }
  return false;
}

GuestMountChoice choose(const oci::Mount& mount, const oci::Spec& spec, const std::string& bundle,
                        bool guest_empty_dirs) {
  using How = GuestMountChoice::How;
  if (!mount.is_bind()) return {};
  const std::string source = absolute(mount.source, bundle);
  if (auto volume = oci::find_direct_volume(source))
    return {How::volume, source, {}, {}, {}, std::move(volume)};
  if (auto choice = choose_empty_dir_in_memory(spec, source)) return std::move(*choice);
  if (guest_empty_dirs)
    if (auto choice = choose_empty_dir_on_disk(source)) return std::move(*choice);
  if (mount.destination == "/dev/shm")
    if (auto memory = memory_of(source)) return in_memory(std::move(*memory), {}, spec, source);
  if (is_device(source)) return {How::device, source, {}, {}};
  // The host's own are of no use in another kernel, and no share can carry them.
  if (is_below(source, "/proc") || is_below(source, "/sys") ||
      (is_below(source, "/dev") && !is_made_by_programs(source)))
    return {How::guest_own, {}, {}, {}};
  if (is_kubelet_data_volume(mount, source)) return {How::copy, source, {}, {}};
  if (std::error_code error; std::filesystem::is_socket(source, error)) return {How::socket, source, {}, {}};
  return {How::share, source, {}, {}};
}

} // namespace

std::string guest_memory_path(const GuestMemory& memory) {
  return "/run/nacre/memory/" + memory.name;
}

std::vector<GuestMountChoice> choose_mounts(const oci::Spec& spec, const std::string& bundle,
                                            bool guest_empty_dirs) {
  std::vector<GuestMountChoice> choices;
  for (const auto& mount : spec.mounts)
    choices.push_back(choose(mount, spec, bundle, guest_empty_dirs));
  return choices;
}

bool has_huge_pages(const std::vector<GuestMountChoice>& choices) {
  return std::any_of(choices.begin(), choices.end(),
                     [](const auto& choice) { return choice.memory.huge_page != 0; });
}

bool gives_mounts(const std::vector<std::string>& options) {
  return oci::has_option(options, "shared") || oci::has_option(options, "rshared");
}

bool follows_mounts(const std::vector<std::string>& options) {
  return gives_mounts(options) || oci::has_option(options, "slave") || oci::has_option(options, "rslave");
}

} // namespace nacre::sandbox
