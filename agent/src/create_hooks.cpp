#include "create_hooks.hpp"

#include "agent.pb.h"
#include "error.hpp"
#include "file.hpp"
#include "hook_process.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

// Covered by a tmpfs in the container's mount namespace alone, which goes with the old root at pivot_root.
constexpr auto hook_root = "/run/nacre/hook-root";

void mount_or_throw(const std::string& source, const std::string& target, const char* type,
                    unsigned long flags) {
  if (::mount(source.c_str(), target.c_str(), type, flags, nullptr) < 0)
    throw system_error("cannot mount", target);
}

bool is_folder(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) throw system_error("cannot look at", path);
  return S_ISDIR(status.st_mode);
}

void make_mount_point(const std::string& target, bool folder) {
  if (folder) return make_folders(target);
  make_folders(parent_of(target));
  const UniqueFd file(::open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file) throw system_error("cannot make", target);
}

void add_place(const v1::CreateHooks::Place& place) {
  const auto target = hook_root + place.path();
  if (!place.link().empty()) {
    make_folders(parent_of(target));
    if (::symlink(place.link().c_str(), target.c_str()) < 0) throw system_error("cannot make link", target);
    return;
  }
  make_mount_point(target, is_folder(place.source()));
  mount_or_throw(place.source(), target, nullptr, MS_BIND);
}

void make_root(const v1::CreateHooks& plan) {
  make_folders(hook_root);
  mount_or_throw("tmpfs", hook_root, "tmpfs", MS_NOSUID | MS_NODEV);
  for (const auto& place : plan.places())
    add_place(place);
  // With what crun has mounted in it by now.
  const auto rootfs = hook_root + plan.rootfs_path();
  make_folders(rootfs);
  mount_or_throw(plan.rootfs(), rootfs, nullptr, MS_BIND | MS_REC);
  for (const std::string name : {"/dev", "/sys"}) {
    make_folders(hook_root + name);
    mount_or_throw(name, hook_root + name, nullptr, MS_BIND | MS_REC);
  }
  make_folders(hook_root + std::string("/proc"));
  mount_or_throw("proc", hook_root + std::string("/proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  const auto temporary = hook_root + std::string("/tmp");
  make_folders(temporary);
  ::chmod(temporary.c_str(), 01777);
}

// As runc: the state's pid is that of the container's init, in its own namespace.
std::string state_of(const v1::CreateHooks& plan) {
  return plan.state_head() + std::to_string(::getppid()) + plan.state_tail();
}

void run_all(const v1::CreateHooks& plan) {
  make_root(plan);
  if (::chroot(hook_root) < 0) throw system_error("cannot enter", hook_root);
  if (::chdir(plan.rootfs_path().c_str()) < 0) throw system_error("cannot enter", plan.rootfs_path());
  const auto state = state_of(plan);
  for (int number = 0; number < plan.hooks_size(); ++number) {
    try {
      run_hook(plan.hooks(number), state);
    } catch (const Error& error) {
      throw Error(Code::failed_precondition, "error running createContainer hook #" + std::to_string(number) +
                                                 " " + quoted(plan.hooks(number).path()) + ": " +
                                                 error.what());
    }
  }
}

} // namespace

std::string create_hooks_file(const std::string& bundle) {
  return bundle + "/hooks";
}

std::string create_hooks_failure_file(const std::string& bundle) {
  return bundle + "/hooks-failure";
}

int run_create_hooks(const std::string& file) {
  const UniqueFd bundle(::open(parent_of(file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  try {
    v1::CreateHooks plan;
    if (!plan.ParseFromString(read_file(file)))
      throw Error(Code::internal, "the plan of the hooks is damaged");
    run_all(plan);
    return 0;
  } catch (const Error& error) {
    const auto name = create_hooks_failure_file("").substr(1);
    const UniqueFd failure(::openat(bundle.get(), name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string text = error.what();
    [[maybe_unused]] const auto written = ::write(failure.get(), text.data(), text.size());
    return 1;
  }
}

} // namespace nacre::agent
