#include "device_nodes.hpp"

#include "block_device.hpp"
#include "error.hpp"
#include "file.hpp"
#include "modules.hpp"

#include <dirent.h>
#include <mutex>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

constexpr auto folder_of_all = "/run/nacre/devices";

std::string own_device(Modules& modules, const v1::FindDevicesRequest::Device& device) {
  if (("/" + device.name() + "/").find("/../") != std::string::npos) {
    throw Error(Code::invalid_argument, "device " + quoted(device.name()) + " is not a name below /dev");
  }
  if (!device.module().empty()) modules.need(device.module());
  return "/dev/" + device.name();
}

// /run itself has no devices.
void mount_folder_once() {
  static std::once_flag done;
  std::call_once(done, [] {
    make_folders(folder_of_all);
    if (::mount("tmpfs", folder_of_all, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0700") < 0) {
      throw system_error("cannot mount tmpfs on", folder_of_all);
    }
  });
}

} // namespace

void find_devices(Modules& modules, const v1::FindDevicesRequest& request, v1::FindDevicesReply& reply) {
  for (const auto& device : request.devices()) {
    const bool is_disk = !device.disk().empty();
    const auto node = is_disk ? find_block_device(modules, device.disk()) : own_device(modules, device);
    struct stat info {};
    if (::stat(node.c_str(), &info) < 0 || !(S_ISBLK(info.st_mode) || S_ISCHR(info.st_mode))) {
      throw Error(Code::not_found, "the kernel of the guest has no device " + quoted(node));
    }
    auto& number = *reply.add_numbers();
    number.set_block(S_ISBLK(info.st_mode));
    number.set_device_major(major(info.st_rdev));
    number.set_device_minor(minor(info.st_rdev));
  }
}

void make_device_node(const v1::DeviceNode& node) {
  const auto& path = node.path();
  if (!path.starts_with(std::string(folder_of_all) + "/") || path.find("/../") != std::string::npos) {
    throw Error(Code::invalid_argument, "device node " + quoted(path) + " is not below " + folder_of_all);
  }
  mount_folder_once();
  make_folders(parent_of(path));
  const mode_t type = node.block() ? S_IFBLK : S_IFCHR;
  if (::mknod(path.c_str(), type | (node.mode() & 07777), makedev(node.device_major(), node.device_minor())) <
      0) {
    throw system_error("cannot make device node", path);
  }
  // mknod(2) takes the umask off the mode.
  if (::chown(path.c_str(), node.uid(), node.gid()) < 0 || ::chmod(path.c_str(), node.mode() & 07777) < 0) {
    throw system_error("cannot set owner and mode of", path);
  }
}

void remove_device_nodes(const std::string& container_id) noexcept {
  remove_flat_folder(std::string(folder_of_all) + "/" + container_id);
}

} // namespace nacre::agent
