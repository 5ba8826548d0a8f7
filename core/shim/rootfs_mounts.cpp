#include "shim/rootfs_mounts.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <exception>
#include <filesystem>
#include <map>
#include <sched.h>
#include <string_view>
#include <sys/mount.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace nacre::shim {
namespace {

constexpr std::size_t mount_data_max = 4095; // the kernel takes one page of option text, with its terminator

struct Word {
  unsigned long set, clear;
};

const std::map<std::string_view, Word>& flag_words() {
  static const std::map<std::string_view, Word> words{
      {"async", {0, MS_SYNCHRONOUS}},   {"atime", {0, MS_NOATIME}},
      {"bind", {MS_BIND, 0}},           {"defaults", {0, 0}},
      {"dev", {0, MS_NODEV}},           {"diratime", {0, MS_NODIRATIME}},
      {"dirsync", {MS_DIRSYNC, 0}},     {"exec", {0, MS_NOEXEC}},
      {"mand", {MS_MANDLOCK, 0}},       {"noatime", {MS_NOATIME, 0}},
      {"nodev", {MS_NODEV, 0}},         {"nodiratime", {MS_NODIRATIME, 0}},
      {"noexec", {MS_NOEXEC, 0}},       {"nomand", {0, MS_MANDLOCK}},
      {"norelatime", {0, MS_RELATIME}}, {"nostrictatime", {0, MS_STRICTATIME}},
      {"nosuid", {MS_NOSUID, 0}},       {"rbind", {MS_BIND | MS_REC, 0}},
      {"relatime", {MS_RELATIME, 0}},   {"ro", {MS_RDONLY, 0}},
      {"rw", {0, MS_RDONLY}},           {"strictatime", {MS_STRICTATIME, 0}},
      {"suid", {0, MS_NOSUID}},         {"sync", {MS_SYNCHRONOUS, 0}}};
  return words;
}

const std::map<std::string_view, unsigned long>& propagation_words() {
  static const std::map<std::string_view, unsigned long> words{
      {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
      {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
      {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
      {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC}};
  return words;
}

void mount_once(const char* source, const std::string& target, const char* type, unsigned long flags,
                const char* data) {
  check_errno(::mount(source, target.c_str(), type, flags, data), "mount rootfs", target);
}

void apply_mount(const RootfsMount& mount, const std::string& target) {
  const auto words = parse_mount_options(mount.options);
  const char* data = words.data.empty() ? nullptr : words.data.c_str();
  mount_once(mount.source.c_str(), target, mount.type.c_str(), words.flags, data);
  if (words.propagation != 0) mount_once(nullptr, target, nullptr, words.propagation, nullptr);
  // A bind mount takes the flags of its source; others need a second call (mount(2)).
  if ((words.flags & MS_BIND) && (words.flags & ~static_cast<unsigned long>(MS_BIND | MS_REC)))
    mount_once(nullptr, target, nullptr, words.flags | MS_REMOUNT, nullptr);
}

// The longest folder that holds every layer of an overlay, with a slash at the end.
std::string common_folder(const std::vector<std::string>& layers) {
  std::string common = layers.front();
  for (const auto& layer : layers) {
    std::size_t same = 0;
    while (same < common.size() && same < layer.size() && common[same] == layer[same])
      ++same;
    common.resize(same);
  }
  const auto slash = common.rfind('/');
  return slash == std::string::npos ? std::string() : common.substr(0, slash + 1);
}

// Options of many layers exceed the kernel's page: layers relative to their common folder are shorter.
// Returns the folder to mount from; empty: unchanged.
std::string shorten_layers(RootfsMount& mount) {
  if (mount.type != "overlay") return {};
  for (auto& option : mount.options) {
    constexpr std::string_view key = "lowerdir=";
    if (!option.starts_with(key)) continue;
    std::vector<std::string> layers;
    for (std::size_t at = key.size(); at <= option.size();) {
      const auto colon = std::min(option.find(':', at), option.size());
      layers.push_back(option.substr(at, colon - at));
      at = colon + 1;
    }
    const auto folder = common_folder(layers);
    if (folder.size() <= 1) return {};
    option = key;
    for (const auto& layer : layers) {
      if (option.size() > key.size()) option += ':';
      option += layer.substr(folder.size());
    }
    return folder;
  }
  return {};
}

// chdir is process-wide but for a thread that has left the shared fs struct (CLONE_FS).
void apply_mount_from(const std::string& folder, const RootfsMount& mount, const std::string& target) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      check_errno(::unshare(CLONE_FS), "leave the shared working folder");
      check_errno(::chdir(folder.c_str()), "enter folder", folder);
      apply_mount(mount, target);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

std::size_t data_size(const RootfsMount& mount) {
  return parse_mount_options(mount.options).data.size();
}

std::string target_below(const std::string& rootfs, const std::string& target) {
  if (target.empty() || target == "/") return rootfs;
  for (const auto& part : std::filesystem::path(target))
    if (part == "..")
      throw Error(ErrorCode::invalid_argument, "mount rootfs", target).because("it leaves the rootfs");
  return rootfs + "/" + std::filesystem::path(target).relative_path().string();
}

void mount_one(const std::string& rootfs, RootfsMount mount) {
  const auto target = target_below(rootfs, mount.target);
  if (data_size(mount) <= mount_data_max) return apply_mount(mount, target);
  const auto folder = shorten_layers(mount);
  if (data_size(mount) > mount_data_max)
    throw Error(ErrorCode::invalid_argument, "mount rootfs", target)
        .because("its options are longer than the page that the kernel takes")
        .hint("use an image with fewer layers");
  if (folder.empty()) return apply_mount(mount, target);
  apply_mount_from(folder, mount, target);
}

} // namespace

MountFlags parse_mount_options(std::span<const std::string> options) {
  MountFlags parsed;
  for (const auto& option : options) {
    if (const auto word = flag_words().find(option); word != flag_words().end()) {
      parsed.flags = (parsed.flags & ~word->second.clear) | word->second.set;
    } else if (const auto way = propagation_words().find(option); way != propagation_words().end()) {
      parsed.propagation = way->second;
    } else if (option == "loop") {
      throw Error(ErrorCode::unimplemented, "mount rootfs with option", option)
          .hint("use a snapshotter that mounts block devices or overlays");
    } else if (!option.empty()) {
      parsed.data += (parsed.data.empty() ? "" : ",") + option;
    }
  }
  return parsed;
}

bool is_one_device(std::span<const RootfsMount> mounts) {
  struct stat status {};
  return mounts.size() == 1 && (mounts[0].target.empty() || mounts[0].target == "/") &&
         ::stat(mounts[0].source.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

void mount_rootfs(const std::string& rootfs, std::span<const RootfsMount> mounts) {
  if (mounts.empty()) return;
  if (::mkdir(rootfs.c_str(), 0711) < 0 && errno != EEXIST) throw_errno("make rootfs", rootfs);
  try {
    for (const auto& mount : mounts)
      mount_one(rootfs, mount);
  } catch (...) {
    try {
      unmount_rootfs(rootfs);
    } catch (const Error&) { // the first failure is the one to report
    }
    throw;
  }
}

void unmount_rootfs(const std::string& rootfs) {
  // Each call takes off the topmost mount; EINVAL says that none is left.
  for (int i = 0; i < 1024; ++i) {
    if (::umount2(rootfs.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
    if (errno == EINVAL || errno == ENOENT) return;
    throw_errno("unmount rootfs", rootfs);
  }
}

} // namespace nacre::shim
