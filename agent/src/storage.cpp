#include "storage.hpp"

#include "block_device.hpp"
#include "error.hpp"
#include "file.hpp"
#include "modules.hpp"
#include "timeline.hpp"

#include <algorithm>
#include <sys/mount.h>

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

void mount_overlay(Modules& modules, const v1::Storage& storage, const MountOptions& options) {
  modules.need("overlay");
  std::string_view rest = options.data;
  while (!rest.empty()) {
    const auto end = rest.find(',');
    const auto option = rest.substr(0, end);
    for (const std::string_view name : {"upperdir=", "workdir="}) {
      if (option.starts_with(name)) make_folders(std::string(option.substr(name.size())));
    }
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
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

using Handler = void (*)(Modules&, const v1::Storage&, MountOptions);

template <auto function> void handle(Modules& modules, const v1::Storage& storage, MountOptions options) {
  function(modules, storage, std::move(options));
}

const std::map<std::string, Handler, std::less<>>& handlers() {
  static const std::map<std::string, Handler, std::less<>> table = {
      {"9p", handle<mount_9p>},     {"virtiofs", handle<mount_virtiofs>}, {"tmpfs", handle<mount_tmpfs>},
      {"bind", handle<mount_bind>}, {"overlay", handle<mount_overlay>},   {"block", handle<mount_block>},
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
  }
  ++users_[storage.mount_point()];
}

void Storages::mount_now(const v1::Storage& storage) {
  const auto phase = timeline_.phase("mount", storage.mount_point());
  const auto handler = handlers().find(storage.driver());
  if (handler == handlers().end()) {
    throw Error(Code::invalid_argument,
                "storage driver " + quoted(storage.driver()) + " is unknown to this guest");
  }
  const auto options = parse_mount_options({storage.options().begin(), storage.options().end()});
  make_folders(storage.mount_point());
  handler->second(modules_, storage, options);
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
  ::umount2(mount_point.c_str(), MNT_DETACH);
}

void Storages::unmount_all() {
  const std::lock_guard lock(mutex_);
  for (auto point = order_.rbegin(); point != order_.rend(); ++point)
    ::umount2(point->c_str(), MNT_DETACH);
  order_.clear();
  users_.clear();
}

} // namespace nacre::agent
