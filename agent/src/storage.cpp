#include "storage.hpp"

#include "block_device.hpp"
#include "error.hpp"
#include "file.hpp"
#include "huge_pages.hpp"
#include "modules.hpp"
#include "timeline.hpp"
#include "unique_fd.hpp"
#include "volume_folder.hpp"
#include "volume_group.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

struct NamedFlag {
  std::string_view name;
  unsigned long set;
  unsigned long clear;
};

constexpr NamedFlag named_flags[] = {
    {"defaults", 0, 0},
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"nosuid", MS_NOSUID, 0},
    {"suid", 0, MS_NOSUID},
    {"nodev", MS_NODEV, 0},
    {"dev", 0, MS_NODEV},
    {"noexec", MS_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC, 0},
    {"remount", MS_REMOUNT, 0},
    {"mand", MS_MANDLOCK, 0},
    {"nomand", 0, MS_MANDLOCK},
    {"noatime", MS_NOATIME, 0},
    {"atime", 0, MS_NOATIME},
    {"nodiratime", MS_NODIRATIME, 0},
    {"diratime", 0, MS_NODIRATIME},
    {"relatime", MS_RELATIME, 0},
    {"norelatime", 0, MS_RELATIME},
    {"strictatime", MS_STRICTATIME, 0},
    {"nostrictatime", 0, MS_STRICTATIME},
    {"lazytime", MS_LAZYTIME, 0},
    {"silent", MS_SILENT, 0},
    {"bind", MS_BIND, 0},
    {"rbind", MS_BIND | MS_REC, 0},
};

constexpr NamedFlag named_propagations[] = {
    {"shared", MS_SHARED, 0},         {"rshared", MS_SHARED | MS_REC, 0},
    {"slave", MS_SLAVE, 0},           {"rslave", MS_SLAVE | MS_REC, 0},
    {"private", MS_PRIVATE, 0},       {"rprivate", MS_PRIVATE | MS_REC, 0},
    {"unbindable", MS_UNBINDABLE, 0}, {"runbindable", MS_UNBINDABLE | MS_REC, 0},
};

const NamedFlag* find_flag(std::string_view name, const NamedFlag* begin, const NamedFlag* end) {
  const auto* found = std::find_if(begin, end, [&](const NamedFlag& flag) { return flag.name == name; });
  return found == end ? nullptr : found;
}

void mount_type(const std::string& source, const std::string& target, const std::string& type,
                const MountOptions& options) {
  if (::mount(source.c_str(), target.c_str(), type.c_str(), options.flags, options.data.c_str()) < 0) {
    const auto with = options.data.empty() ? std::string() : " with options " + quoted(options.data);
    throw system_error("cannot mount " + type + " " + quoted(source) + with + " on", target);
  }
}

void mount_9p(Modules& modules, const v1::Storage& storage, MountOptions options) {
  modules.need("9pnet_virtio");
  modules.need("9p");
  // The defaults of the kernel's client are another transport and an older dialect.
  const auto add_default = [&](std::string_view name, std::string_view value) {
    if (("," + options.data).find("," + std::string(name) + "=") != std::string::npos) return;
    if (!options.data.empty()) options.data += ',';
    options.data += std::string(name) + "=" + std::string(value);
  };
  add_default("trans", "virtio");
  add_default("version", "9p2000.L");
  mount_type(storage.source(), storage.mount_point(), "9p", options);
}

void mount_virtiofs(Modules& modules, const v1::Storage& storage, const MountOptions& options) {
  modules.need("virtiofs");
  mount_type(storage.source(), storage.mount_point(), "virtiofs", options);
}

void mount_tmpfs(Modules&, const v1::Storage& storage, const MountOptions& options) {
  mount_type("tmpfs", storage.mount_point(), "tmpfs", options);
}

std::uint64_t number_of(const v1::Storage& storage, const char* option, int base = 10) {
  const std::string start = std::string(option) + "=";
  for (const auto& text : storage.options()) {
    if (text.starts_with(start)) return std::strtoull(text.c_str() + start.size(), nullptr, base);
  }
  return 0;
}

void mount_hugetlbfs(Modules&, const v1::Storage& storage, const MountOptions& options) {
  HugePages pages{number_of(storage, "pagesize"), 0};
  if (pages.page_bytes == 0) {
    throw Error(Code::invalid_argument,
                "hugetlbfs on " + quoted(storage.mount_point()) + " names no size of pages");
  }
  pages.count = number_of(storage, "size") / pages.page_bytes;
  pages.set_aside();
  try {
    mount_type("hugetlbfs", storage.mount_point(), "hugetlbfs", options);
  } catch (...) {
    pages.give_back();
    throw;
  }
}

void mount_folder(Modules&, const v1::Storage& storage, const MountOptions&) {
  const auto path = storage.driver_options().find("folder");
  if (path == storage.driver_options().end()) {
    throw Error(Code::invalid_argument, "storage on " + quoted(storage.mount_point()) + " names no folder");
  }
  const FolderOwner owner{static_cast<mode_t>(number_of(storage, "mode", 8)),
                          static_cast<uid_t>(number_of(storage, "uid")),
                          static_cast<gid_t>(number_of(storage, "gid"))};
  mount_volume_folder(storage.source(), path->second, owner, storage.mount_point());
}

// A folder of a share that is a mount of the host's own is mounted by the guest's kernel when somebody enters
// it (virtio-fs), so for each container anew unless it has been here before: two superblocks, whose inodes
// and locks know nothing of each other.
void enter_share(Modules&, const v1::Storage& storage, const MountOptions&) {
  const UniqueFd file(::open(storage.mount_point().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!file && errno != ENOTDIR) throw system_error("cannot enter", storage.mount_point());
}

void mount_bind(Modules&, const v1::Storage& storage, const MountOptions& options) {
  const auto* source = storage.source().c_str();
  const auto* target = storage.mount_point().c_str();
  const auto recursive = options.flags & MS_REC;
  if (::mount(source, target, nullptr, MS_BIND | recursive, nullptr) < 0) {
    throw system_error("cannot bind " + quoted(storage.source()) + " on", storage.mount_point());
  }
  // The kernel takes a bind mount's other flags only in a second call.
  const auto rest = options.flags & ~static_cast<unsigned long>(MS_BIND | MS_REC);
  if (rest != 0 && ::mount(nullptr, target, nullptr, MS_REMOUNT | MS_BIND | rest, nullptr) < 0) {
    throw system_error("cannot set the flags of bind mount", storage.mount_point());
  }
}

void make_mount_point(const v1::Storage& storage) {
  const auto& path = storage.mount_point();
  struct stat source {};
  if (storage.driver() != "bind" || ::stat(storage.source().c_str(), &source) < 0 ||
      S_ISDIR(source.st_mode)) {
    make_folders(path);
    return;
  }
  make_folders(path.substr(0, path.rfind('/')));
  const UniqueFd file(::open(path.c_str(), O_CREAT | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) throw system_error("cannot make mount point", path);
}

// The value of an option in mount(2)'s text; "" when it is not there.
std::string value_of(std::string_view data, std::string_view name) {
  while (!data.empty()) {
    const auto end = data.find(',');
    const auto option = data.substr(0, end);
    if (option.starts_with(name)) return std::string(option.substr(name.size()));
    data = end == std::string_view::npos ? std::string_view() : data.substr(end + 1);
  }
  return {};
}

// An overlay's root has owner and mode of its upper folder: an empty one takes those of the layer below.
void make_upper(const std::string& upper, const std::string& below) {
  struct stat root {};
  if (upper.empty() || ::access(upper.c_str(), F_OK) == 0) return;
  make_folders(upper);
  if (::stat(below.c_str(), &root) < 0) throw system_error("cannot look at layer", below);
  if (::chown(upper.c_str(), root.st_uid, root.st_gid) < 0 ||
      ::chmod(upper.c_str(), root.st_mode & 07777) < 0)
    throw system_error("cannot set owner and mode of", upper);
}

void mount_overlay(Modules& modules, const v1::Storage& storage, const MountOptions& options) {
  modules.need("overlay");
  const auto lower = value_of(options.data, "lowerdir=");
  make_upper(value_of(options.data, "upperdir="), lower.substr(0, lower.find(':')));
  make_folders(value_of(options.data, "workdir="));
  mount_type("overlay", storage.mount_point(), "overlay", options);
}

void mount_block(Modules& modules, const v1::Storage& storage, const MountOptions& options) {
  if (storage.fstype().empty()) {
    throw Error(Code::invalid_argument,
                "block storage " + quoted(storage.source()) + " names no file system type");
  }
  modules.need(storage.fstype());
  mount_type(find_block_device(modules, storage.source()), storage.mount_point(), storage.fstype(), options);
}

void set_group(const v1::Storage& storage, const MountOptions& options) {
  const auto& words = storage.driver_options();
  const auto group = words.find("fs_group");
  if (group == words.end() || (options.flags & MS_RDONLY) != 0) return;
  const auto policy = words.find("fs_group_change_policy");
  set_volume_group(storage.mount_point(),
                   static_cast<gid_t>(std::strtoul(group->second.c_str(), nullptr, 10)),
                   policy != words.end() && policy->second == "OnRootMismatch");
}

using Handler = void (*)(Modules&, const v1::Storage&, MountOptions);

template <auto function> void handle(Modules& modules, const v1::Storage& storage, MountOptions options) {
  function(modules, storage, std::move(options));
}

const std::map<std::string, Handler, std::less<>>& handlers() {
  static const std::map<std::string, Handler, std::less<>> table = {
      {"9p", handle<mount_9p>},         {"virtiofs", handle<mount_virtiofs>},
      {"tmpfs", handle<mount_tmpfs>},   {"hugetlbfs", handle<mount_hugetlbfs>},
      {"folder", handle<mount_folder>}, {"share", handle<enter_share>},
      {"bind", handle<mount_bind>},     {"overlay", handle<mount_overlay>},
      {"block", handle<mount_block>},
  };
  return table;
}

} // namespace

MountOptions parse_mount_options(const std::vector<std::string>& options) {
  MountOptions out;
  for (const auto& option : options) {
    if (const auto* flag = find_flag(option, std::begin(named_flags), std::end(named_flags))) {
      out.flags = (out.flags | flag->set) & ~flag->clear;
    } else if (const auto* kind =
                   find_flag(option, std::begin(named_propagations), std::end(named_propagations))) {
      out.propagation = kind->set;
    } else if (!option.empty()) {
      if (!out.data.empty()) out.data += ',';
      out.data += option;
    }
  }
  return out;
}

std::vector<std::string> Storages::drivers() {
  std::vector<std::string> out;
  for (const auto& [name, handler] : handlers())
    out.push_back(name);
  return out;
}

void Storages::mount(const v1::Storage& storage) {
  if (!storage.mount_point().starts_with('/')) {
    throw Error(Code::invalid_argument,
                "mount point " + quoted(storage.mount_point()) + " is not an absolute path");
  }
  const std::lock_guard lock(mutex_);
  if (users_[storage.mount_point()] == 0) {
    try {
      mount_now(storage);
    } catch (...) {
      users_.erase(storage.mount_point());
      throw;
    }
    order_.push_back(storage.mount_point());
    if (storage.driver() == "block") disks_.insert(storage.mount_point());
  }
  ++users_[storage.mount_point()];
}

void Storages::mount_now(const v1::Storage& storage) {
  const bool is_there = storage.driver() == "share";
  std::optional<Timeline::Scope> phase;
  if (!is_there) phase.emplace(timeline_, "mount", storage.mount_point());
  const auto handler = handlers().find(storage.driver());
  if (handler == handlers().end()) {
    throw Error(Code::invalid_argument,
                "storage driver " + quoted(storage.driver()) + " is unknown to this guest");
  }
  const auto options = parse_mount_options({storage.options().begin(), storage.options().end()});
  if (!is_there) make_mount_point(storage);
  handler->second(modules_, storage, options);
  try {
    set_group(storage, options);
  } catch (...) {
    ::umount2(storage.mount_point().c_str(), MNT_DETACH);
    throw;
  }
  if (options.propagation != 0 &&
      ::mount(nullptr, storage.mount_point().c_str(), nullptr, options.propagation, nullptr) < 0) {
    throw system_error("cannot set the propagation of", storage.mount_point());
  }
}

void Storages::unmount(const std::string& mount_point) {
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(mount_point);
  if (found == users_.end() || --found->second > 0) return;
  users_.erase(found);
  std::erase(order_, mount_point);
  const auto pages = huge_pages_of(mount_point);
  unmount_now(mount_point);
  pages.give_back();
}

// A disk may be taken away, or the VM be ended, as soon as this returns: what was written is on it then, also
// when a process still keeps the file system busy.
void Storages::unmount_now(const std::string& mount_point) {
  if (disks_.erase(mount_point) != 0) {
    if (const UniqueFd fd(::open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); fd)
      ::syncfs(fd.get());
    if (::umount2(mount_point.c_str(), 0) == 0) return;
  }
  ::umount2(mount_point.c_str(), MNT_DETACH);
}

void Storages::unmount_all() {
  const std::lock_guard lock(mutex_);
  for (auto point = order_.rbegin(); point != order_.rend(); ++point)
    unmount_now(*point);
  order_.clear();
  users_.clear();
}

} // namespace nacre::agent
