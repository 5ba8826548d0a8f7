// Steps 7 and 8: labels of the next exec, and filters.
#include "launch/plan_fields.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

void write_label(const char* step, int file, std::string_view label, std::string_view text) {
  if (file < 0) fail(step, label, errno, "is this security module on?");
  if (::write(file, text.data(), text.size()) < 0) fail(step, label, errno);
  ::close(file);
}

} // namespace

// Through the host's /proc that was opened at the start: the new root may have none, or a read-only one.
void set_labels(Message plan, const Anchors& anchors) {
  const auto selinux = text_of(plan, PlanField::selinux_exec_label);
  if (!selinux.empty())
    write_label("selinux-label", ::openat(anchors.proc, "thread-self/attr/exec", O_WRONLY | O_CLOEXEC),
                selinux, selinux);

  const auto apparmor = text_of(plan, PlanField::apparmor_exec_profile);
  if (apparmor.empty()) return;
  int file = ::openat(anchors.proc, "thread-self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) // before Linux 5.8 the file was shared by all security modules
    file = ::openat(anchors.proc, "thread-self/attr/exec", O_WRONLY | O_CLOEXEC);
  char order[512] = "exec ";
  if (apparmor.size() > sizeof(order) - 5) fail("apparmor-profile", apparmor, ENAMETOOLONG);
  std::memcpy(order + 5, apparmor.data(), apparmor.size());
  write_label("apparmor-profile", file, apparmor, {order, apparmor.size() + 5});
}

void install_filters(Message plan) {
  const auto flags = static_cast<unsigned>(number_of(plan, PlanField::seccomp_flags));
  for_each(plan, PlanField::seccomp_filters, [&](std::string_view bytes) {
    if (bytes.empty() || bytes.size() % sizeof(sock_filter) != 0 ||
        bytes.size() / sizeof(sock_filter) > BPF_MAXINSNS)
      fail("seccomp", {}, EINVAL, "no filter of whole instructions");
    void* aligned = std::malloc(bytes.size());
    if (!aligned) fail("seccomp", {}, ENOMEM);
    std::memcpy(aligned, bytes.data(), bytes.size());
    const sock_fprog program{static_cast<unsigned short>(bytes.size() / sizeof(sock_filter)),
                             static_cast<sock_filter*>(aligned)};
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0)
      fail("seccomp", {}, errno,
           errno == EACCES ? "filters need no_new_privileges, or CAP_SYS_ADMIN among the capabilities" : "");
  });
}

} // namespace nacre::launch
