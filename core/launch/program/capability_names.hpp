// The names of capabilities(7) by number. libcap-ng knows them too, but brings the name service switch into a
// static program with it.
#pragma once

#include <linux/capability.h>
#include <string_view>

namespace nacre::launch {

// clang-format off
inline constexpr std::string_view capability_names[] = {
    "chown",           "dac_override",    "dac_read_search", "fowner",           "fsetid",
    "kill",            "setgid",          "setuid",          "setpcap",          "linux_immutable",
    "net_bind_service", "net_broadcast",  "net_admin",       "net_raw",          "ipc_lock",
    "ipc_owner",       "sys_module",      "sys_rawio",       "sys_chroot",       "sys_ptrace",
    "sys_pacct",       "sys_admin",       "sys_boot",        "sys_nice",         "sys_resource",
    "sys_time",        "sys_tty_config",  "mknod",           "lease",            "audit_write",
    "audit_control",   "setfcap",         "mac_override",    "mac_admin",        "syslog",
    "wake_alarm",      "block_suspend",   "audit_read",      "perfmon",          "bpf",
    "checkpoint_restore",
};
// clang-format on
static_assert(capability_names[CAP_SYS_ADMIN] == "sys_admin");
static_assert(capability_names[CAP_CHECKPOINT_RESTORE] == "checkpoint_restore");

// -1: no such capability.
constexpr int capability_number(std::string_view name) {
  int number = 0;
  for (const auto known : capability_names) {
    if (known == name) return number;
    ++number;
  }
  return -1;
}

} // namespace nacre::launch
