#include "cli/diagnosis/kernel_features.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "oci/file_io.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

using Need = KernelFeature::Need;

constexpr std::size_t max_list = 4u << 20;
constexpr const char* newer_kernel = "boot a kernel of Linux 5.10 or newer";

// "" when the call is there: with these arguments each fails for another reason, or only opens.
std::string system_call_problem(long result) {
  if (result >= 0) {
    ::close(static_cast<int>(result));
    return {};
  }
  return errno == ENOSYS ? errno_text(errno) : std::string();
}

std::string mount_api_problem() {
  if (auto problem = system_call_problem(::syscall(SYS_open_tree, AT_FDCWD, "/", O_CLOEXEC));
      !problem.empty())
    return "open_tree: " + problem;
  if (auto problem = system_call_problem(::syscall(SYS_move_mount, -1, "", -1, "", 0)); !problem.empty())
    return "move_mount: " + problem;
  return {};
}

std::string openat2_problem() {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  return system_call_problem(::syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how));
}

std::string pidfd_problem() {
  return system_call_problem(::syscall(SYS_pidfd_open, ::getpid(), 0));
}

std::string device_problem(const char* path) {
  const UniqueFd device(::open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  return device ? std::string() : std::string(path) + ": " + errno_text(errno);
}

std::string file_problem(const char* path) {
  return ::access(path, F_OK) == 0 ? std::string() : std::string(path) + ": " + errno_text(errno);
}

std::string text_of(const std::string& path) {
  try {
    return oci::read_file(path, max_list, "read").value_or("");
  } catch (const Error&) {
    return {};
  }
}

std::string user_namespace_problem() {
  if (auto problem = file_problem("/proc/self/ns/user"); !problem.empty()) return problem;
  return text_of("/proc/sys/user/max_user_namespaces") == "0\n" ? "/proc/sys/user/max_user_namespaces is 0"
                                                                : std::string();
}

// Loaded, built in, or a file that modprobe would find.
std::string module_problem(const std::string& name) {
  if (::access(("/sys/module/" + name).c_str(), F_OK) == 0) return {};
  utsname system{};
  ::uname(&system);
  const auto folder = "/lib/modules/" + std::string(system.release);
  for (const auto* list : {"/modules.builtin", "/modules.dep"})
    if (text_of(folder + list).find("/" + name + ".ko") != std::string::npos) return {};
  return "module " + name + " is neither loaded nor in " + folder;
}

std::string file_system_problem(const std::string& name) {
  return text_of("/proc/filesystems").find("\t" + name + "\n") != std::string::npos ? std::string()
                                                                                    : module_problem(name);
}

KernelFeature feature(std::string name, std::string why_not, Need need, std::string use, std::string remedy) {
  const bool works = why_not.empty();
  return {std::move(name), works, std::move(why_not), need, std::move(use), std::move(remedy)};
}

} // namespace

std::vector<KernelFeature> kernel_features() {
  return {
      feature("mount API", mount_api_problem(), Need::always, "puts mounts into the pod's namespace",
              newer_kernel),
      feature("openat2", openat2_problem(), Need::always, "opens paths without following links",
              newer_kernel),
      feature("pidfd", pidfd_problem(), Need::always, "names processes", newer_kernel),
      feature("network namespaces", file_problem("/proc/self/ns/net"), Need::always, "hold a pod's links",
              "boot a kernel with CONFIG_NET_NS"),
      feature("pid namespaces", file_problem("/proc/self/ns/pid"), Need::sometimes, "confine host processes",
              "boot a kernel with CONFIG_PID_NS"),
      feature("user namespaces", user_namespace_problem(), Need::sometimes, "confine host processes",
              "raise user.max_user_namespaces with sysctl"),
      feature("kvm device", device_problem("/dev/kvm"), Need::sometimes,
              "can run guests at the CPU's own speed; the hypervisor plugin says whether it does",
              "load kvm_intel or kvm_amd, and switch virtualization on in the firmware"),
      feature("tun", device_problem("/dev/net/tun"), Need::networks, "makes the taps of a guest's links",
              "modprobe tun"),
      feature("macvtap", module_problem("macvtap"), Need::sometimes, "joins a guest to a link without a tap",
              "modprobe macvtap"),
      feature("vhost-net", device_problem("/dev/vhost-net"), Need::sometimes, "moves packets in the kernel",
              "modprobe vhost_net"),
      feature("vhost-vsock", device_problem("/dev/vhost-vsock"), Need::sometimes,
              "reaches the agent; a serial port does where it is missing", "modprobe vhost_vsock"),
      feature("overlay", file_system_problem("overlay"), Need::sometimes, "is what engines make a rootfs of",
              "modprobe overlay"),
  };
}

} // namespace nacre::cli
