#include "system_mounts.hpp"

#include "error.hpp"
#include "file.hpp"

#include <cerrno>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

void mount_one(const char* type, const char* target, unsigned long flags, const char* options = nullptr) {
  make_folders(target);
  // EBUSY: the kernel or an own initrd has mounted it already.
  if (::mount(type, target, type, flags, options) < 0 && errno != EBUSY) {
    throw system_error(std::string("cannot mount ") + type + " on", target);
  }
}

void enable_controllers() {
  const std::string root = "/sys/fs/cgroup";
  auto available = read_file(root + "/cgroup.controllers");
  std::string name;
  for (const char c : available + "\n") {
    if (c != ' ' && c != '\n') {
      name += c;
      continue;
    }
    // One by one: a controller that this kernel cannot delegate must not take the others with it.
    if (!name.empty()) {
      try {
        write_value(root + "/cgroup.subtree_control", "+" + name);
      } catch (const Error&) { // crun names the controller when a container wants it
      }
    }
    name.clear();
  }
}

} // namespace

void move_root() {
  const char* self = "/.root";
  if (::mkdir(self, 0755) < 0 && errno != EEXIST) throw system_error("cannot make folder", self);
  if (::mount("/", self, nullptr, MS_BIND | MS_REC, nullptr) < 0)
    throw system_error("cannot bind / on", self);
  if (::mount(nullptr, self, nullptr, MS_PRIVATE | MS_REC, nullptr) < 0) {
    throw system_error("cannot make private", self);
  }
  if (::chdir(self) < 0) throw system_error("cannot enter", self);
  if (::mount(self, "/", nullptr, MS_MOVE, nullptr) < 0) throw system_error("cannot move over /", self);
  if (::chroot(".") < 0) throw system_error("cannot chroot into", self);
  if (::chdir("/") < 0) throw system_error("cannot enter", "/");
  ::rmdir(self);
}

void mount_kernel_interfaces() {
  mount_one("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755");
  mount_one("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_one("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
}

void mount_runtime_folders() {
  mount_one("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666");
  mount_one("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
  mount_one("mqueue", "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_one("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate,memory_recursiveprot");
  enable_controllers();
  mount_one("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
  mount_one("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
  for (const char* folder :
       {"/run/crun", "/run/nacre/share", "/run/nacre/bundle", "/run/nacre/console", "/etc"}) {
    make_folders(folder);
  }
}

} // namespace nacre::agent
