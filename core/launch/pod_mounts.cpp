#include "launch/pod_mounts.hpp"

#include "base/error.hpp"
#include "launch/proto/plan.pb.h"
#include "launch/spawner.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <linux/mount.h>
#include <sched.h>
#include <string_view>
#include <sys/mount.h>
#include <sys/syscall.h>

namespace nacre::launch {
namespace {

namespace fs = std::filesystem;

// Programs and libraries; those that no package of the system's has are in /opt (Kata's QEMU and virtiofsd).
constexpr const char* system_folders[] = {"/usr",   "/bin",   "/sbin",   "/lib",
                                          "/lib32", "/lib64", "/libx32", "/opt"};
// The dynamic linker's, and what Debian's /usr points into.
constexpr const char* system_files[] = {"/etc/ld.so.cache", "/etc/alternatives"};
constexpr const char* standard_devices[] = {"/dev/null",    "/dev/zero", "/dev/full",   "/dev/random",
                                            "/dev/urandom", "/dev/kvm",  "/dev/net/tun"};
constexpr std::uint64_t plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;

// Writes the mount steps; targets are below the staging folder until the pivot.
class PlanWriter {
public:
  PlanWriter(ProcessPlan& plan, std::string root) : plan_(plan), root_(std::move(root)) {}

  MountStep& step(MountStep::Kind kind, const std::string& target, std::uint64_t flags = 0) {
    MountStep& added = *plan_.add_mounts();
    added.set_kind(kind);
    added.set_target(target);
    added.set_flags(flags);
    return added;
  }
  MountStep& inside(MountStep::Kind kind, const std::string& path, std::uint64_t flags = 0) {
    return step(kind, root_ + path, flags);
  }
  void tmpfs(const std::string& target, const char* options) {
    MountStep& mount = step(MountStep::MOUNT, target, plain);
    mount.set_source("tmpfs");
    mount.set_fstype("tmpfs");
    mount.set_data(options);
  }
  void bind(const std::string& path, std::uint64_t flags, bool optional = false) {
    MountStep& mount = inside(MountStep::BIND, path, flags);
    mount.set_source(path);
    mount.set_optional(optional);
  }

private:
  ProcessPlan& plan_;
  std::string root_;
};

void check_path(const std::string& path, const char* what) {
  const auto parts = fs::path(path);
  const bool plain_path = !path.empty() && path[0] == '/' && path.find('\0') == std::string::npos &&
                          std::none_of(parts.begin(), parts.end(),
                                       [](const fs::path& part) { return part == "." || part == ".."; });
  if (!plain_path)
    throw Error(ErrorCode::invalid_argument, what, path).because("not an absolute path without \"..\"");
}

// /bin is a folder on some hosts and a link to usr/bin on most.
void show_system(PlanWriter& writer) {
  for (const char* path : system_folders) {
    std::error_code missing;
    const auto status = fs::symlink_status(path, missing);
    if (fs::is_symlink(status))
      writer.inside(MountStep::SYMLINK, path).set_source(fs::read_symlink(path).string());
    else if (fs::is_directory(status))
      writer.bind(path, MS_RDONLY | MS_NOSUID | MS_NODEV);
  }
  for (const char* path : system_files)
    writer.bind(path, MS_RDONLY | MS_NOSUID | MS_NODEV, true);
  writer.bind("/proc", MS_RDONLY | plain);
}

void show_devices(PlanWriter& writer, const PodMountsOptions& options) {
  for (const char* path : standard_devices)
    writer.bind(path, MS_NOSUID | MS_NOEXEC, true);
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator("/dev", unreadable))
    if (entry.path().filename().string().starts_with("vhost-"))
      writer.bind(entry.path().string(), MS_NOSUID | MS_NOEXEC, true);
  for (const auto& path : options.devices)
    writer.bind(path, MS_NOSUID | MS_NOEXEC);
  writer.inside(MountStep::SYMLINK, "/dev/fd").set_source("/proc/self/fd");
}

void check_target(const std::string& target) {
  check_path(target, "mount in the pod");
  if (!target.starts_with("/share/") || target.size() == std::string_view("/share/").size())
    throw Error(ErrorCode::invalid_argument, "mount in the pod", target).because("not below /share");
}

// On the detached clone, before anybody can see it.
void prepare(int tree, const PodMount& mount) {
  mount_attr attributes{};
  attributes.attr_set =
      MOUNT_ATTR_NOSUID | (mount.devices ? 0 : MOUNT_ATTR_NODEV) | (mount.read_only ? MOUNT_ATTR_RDONLY : 0);
  // A clone of a shared mount is its peer: a mount made below it here would show on the host.
  attributes.propagation = mount.follow_host ? MS_SLAVE : MS_PRIVATE;
  const unsigned how = AT_EMPTY_PATH | (mount.recursive ? AT_RECURSIVE : 0);
  check_errno(::syscall(SYS_mount_setattr, tree, "", how, &attributes, sizeof(attributes)),
              "set mount flags for", mount.target);
}

} // namespace

ProcessPlan pod_mounts_plan(const PodMountsOptions& options) {
  check_path(options.staging_folder, "make the pod's mounts on");
  for (const auto* paths : {&options.read_only, &options.writable, &options.devices})
    for (const auto& path : *paths)
      check_path(path, "show in the pod");

  ProcessPlan plan;
  plan.set_role("pod-mounts");
  plan.set_unshare(CLONE_NEWNS);
  plan.set_return_namespaces(CLONE_NEWNS);
  plan.set_parent_death_signal(SIGKILL);
  PlanWriter writer(plan, options.staging_folder);
  // A new namespace's mounts are peers of the host's where `/` is shared.
  writer.step(MountStep::PROPAGATION, "/", MS_REC | MS_PRIVATE);
  writer.tmpfs(options.staging_folder, "mode=0755,size=4m");
  show_system(writer);
  show_devices(writer, options);
  for (const auto& path : options.read_only)
    writer.bind(path, MS_RDONLY | MS_NOSUID);
  for (const auto& path : options.writable)
    writer.bind(path, MS_NOSUID);
  writer.inside(MountStep::MKDIR, "/share");
  writer.step(MountStep::PIVOT, options.staging_folder);
  writer.tmpfs("/share", "mode=0755,size=16m"); // holds mount points only
  writer.step(MountStep::PROPAGATION, "/share", MS_SHARED);
  writer.step(MountStep::MOUNT, "/", MS_REMOUNT | MS_BIND | MS_RDONLY | plain);
  return plan;
}

PodMounts::PodMounts(Spawner& spawner, const PodMountsOptions& options) : spawner_(spawner) {
  auto namespaces = spawner_.run(pod_mounts_plan(options));
  if (namespaces.size() != 1)
    throw Error(ErrorCode::internal, "make the pod's mounts").because("no namespace came back");
  namespace_ = std::move(namespaces[0]);
}

void PodMounts::add(UniqueFd tree, const PodMount& mount) {
  check_target(mount.target);
  prepare(tree.get(), mount);
  ProcessPlan plan;
  plan.set_role("pod-mount");
  plan.set_parent_death_signal(SIGKILL);
  plan.add_enter_namespaces(0);
  MountStep& step = *plan.add_mounts();
  step.set_kind(MountStep::MOVE_FD);
  step.set_target(mount.target);
  step.set_fd(1);
  std::vector<UniqueFd> fds;
  fds.push_back(namespace_.duplicate());
  fds.push_back(std::move(tree));
  spawner_.run(plan, std::move(fds));
}

void PodMounts::remove(const std::string& target) {
  check_target(target);
  ProcessPlan plan;
  plan.set_role("pod-unmount");
  plan.set_parent_death_signal(SIGKILL);
  plan.add_enter_namespaces(0);
  MountStep& unmount = *plan.add_mounts();
  unmount.set_kind(MountStep::UMOUNT);
  unmount.set_target(target);
  unmount.set_flags(MNT_DETACH | UMOUNT_NOFOLLOW);
  unmount.set_optional(true);
  MountStep& remove = *plan.add_mounts();
  remove.set_kind(MountStep::REMOVE);
  remove.set_target(target);
  std::vector<UniqueFd> fds;
  fds.push_back(namespace_.duplicate());
  spawner_.run(plan, std::move(fds));
}

} // namespace nacre::launch
