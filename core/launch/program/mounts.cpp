// Step 5: the mount steps of a plan.
#include "launch/plan_fields.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

struct Step {
  explicit Step(Message message)
      : source(c_string(text_of(message, MountField::source))),
        target(c_string(text_of(message, MountField::target))),
        fstype(c_string(text_of(message, MountField::fstype))),
        data(c_string(text_of(message, MountField::data))), flags(number_of(message, MountField::flags)),
        mode(static_cast<mode_t>(number_of(message, MountField::mode))),
        fd(number_of(message, MountField::fd)), optional(number_of(message, MountField::optional) != 0) {}
  char* source;
  char* target;
  char* fstype;
  char* data;
  std::uint64_t flags;
  mode_t mode;
  std::uint64_t fd;
  bool optional;
};

[[noreturn]] void fail_step(const char* name, const char* object) {
  fail(name, object, errno);
}

bool make_folder(const char* path, mode_t mode) {
  if (::mkdir(path, mode) == 0) return ::chmod(path, mode) == 0; // whatever the umask
  struct stat info;
  return errno == EEXIST && ::stat(path, &info) == 0 && (S_ISDIR(info.st_mode) || (errno = ENOTDIR, false));
}

void make_parents(char* path) {
  for (char* slash = path + 1; (slash = std::strchr(slash, '/')); ++slash) {
    *slash = '\0';
    if (!make_folder(path, 0755)) fail_step("mkdir", path);
    *slash = '/';
  }
}

void make_folders(char* path, mode_t mode) {
  make_parents(path);
  if (!make_folder(path, mode ? mode : 0755)) fail_step("mkdir", path);
}

void make_file(char* path, mode_t mode) {
  make_parents(path);
  const int file = ::open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, mode ? mode : 0644);
  if (file < 0 && errno == EEXIST) return;
  if (file < 0) fail_step("mkfile", path);
  if (::fchmod(file, mode ? mode : 0644) < 0) fail_step("mkfile", path);
  ::close(file);
}

// A mount point of the kind that its mount will be.
void make_target(char* path, bool is_folder) {
  if (::access(path, F_OK) == 0) return;
  if (is_folder)
    make_folders(path, 0755);
  else
    make_file(path, 0644);
}

// Adds flags and keeps those of the source (a remount would drop its nosuid and nodev).
void add_flags(const Step& step) {
  mount_attr attributes{};
  if (step.flags & MS_RDONLY) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  if (step.flags & MS_NOSUID) attributes.attr_set |= MOUNT_ATTR_NOSUID;
  if (step.flags & MS_NODEV) attributes.attr_set |= MOUNT_ATTR_NODEV;
  if (step.flags & MS_NOEXEC) attributes.attr_set |= MOUNT_ATTR_NOEXEC;
  if (attributes.attr_set == 0) return;
  const unsigned how = step.flags & MS_REC ? AT_RECURSIVE : 0;
  if (::syscall(SYS_mount_setattr, AT_FDCWD, step.target, how, &attributes, sizeof(attributes)) < 0)
    fail_step("mount-flags", step.target);
}

void mount_new(const Step& step) {
  if (::mount(step.source, step.target, step.fstype, step.flags, step.data) == 0) return;
  if (step.optional && (errno == ENOENT || errno == ENODEV)) return;
  fail_step("mount", step.target);
}

void bind(const Step& step) {
  struct stat info;
  if (::stat(step.source, &info) < 0) {
    if (step.optional && (errno == ENOENT || errno == ENOTDIR)) return;
    fail_step("bind", step.source);
  }
  make_target(step.target, S_ISDIR(info.st_mode));
  if (::mount(step.source, step.target, nullptr, MS_BIND | (step.flags & MS_REC), nullptr) < 0)
    fail_step("bind", step.source);
  add_flags(step);
}

void move_descriptor(const Orders& orders, const Step& step) {
  const int fd = received_fd(orders, step.fd, "move-mount");
  struct stat info;
  if (::fstat(fd, &info) < 0) fail_step("move-mount", step.target);
  make_target(step.target, S_ISDIR(info.st_mode));
  if (::syscall(SYS_move_mount, fd, "", AT_FDCWD, step.target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
    fail_step("move-mount", step.target);
}

// pivot_root(2): with both arguments the same folder the old root ends up on top of the new one, and is then
// detached.
void pivot(const Step& step) {
  if (::chdir(step.target) < 0) fail_step("pivot", step.target);
  if (::syscall(SYS_pivot_root, ".", ".") < 0) fail_step("pivot", step.target);
  if (::umount2(".", MNT_DETACH) < 0) fail_step("pivot", step.target);
  if (::chdir("/") < 0) fail_step("pivot", "/");
}

void unmount(const Step& step) {
  if (::umount2(step.target, static_cast<int>(step.flags)) == 0) return;
  if (step.optional && (errno == EINVAL || errno == ENOENT)) return; // no mount point; not there
  fail_step("umount", step.target);
}

void link_to(const Step& step) {
  make_parents(step.target);
  if (::symlink(step.source, step.target) < 0 && errno != EEXIST) fail_step("symlink", step.target);
}

void set_propagation(const Step& step) {
  if (::mount(nullptr, step.target, nullptr, step.flags, nullptr) < 0) fail_step("propagation", step.target);
}

void remove_path(const Step& step) {
  if (::unlink(step.target) == 0 || errno == ENOENT) return;
  if (errno == EISDIR && (::rmdir(step.target) == 0 || errno == ENOENT)) return;
  fail_step("remove", step.target);
}

void take_step(const Orders& orders, Message message) {
  const Step step(message);
  const auto kind = number_of(message, MountField::kind);
  if (step.target[0] != '/') fail("mount", step.target, EINVAL, "the target must be absolute");
  switch (kind) {
  case MountKind::mount:
    return mount_new(step);
  case MountKind::bind:
    return bind(step);
  case MountKind::move_fd:
    return move_descriptor(orders, step);
  case MountKind::pivot:
    return pivot(step);
  case MountKind::umount:
    return unmount(step);
  case MountKind::mkdir:
    return make_folders(step.target, step.mode);
  case MountKind::symlink:
    return link_to(step);
  case MountKind::propagation:
    return set_propagation(step);
  case MountKind::mkfile:
    return make_file(step.target, step.mode);
  case MountKind::remove:
    return remove_path(step);
  default:
    fail("mount", step.target, EINVAL, "unknown kind of mount step");
  }
}

} // namespace

void make_mounts(const Orders& orders) {
  for_each(orders.plan, PlanField::mounts, [&](Message message) { take_step(orders, message); });
}

} // namespace nacre::launch
