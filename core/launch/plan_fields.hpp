// The field numbers of proto/plan.proto, for nacre-launch, which reads the wire format itself
// (program/wire.hpp). plan_fields_check.cpp holds them to the generated code.
#pragma once

#include <cstdint>

namespace nacre::launch {

// clang-format off
struct PlanField {
  enum : std::uint32_t {
    argv = 2, env = 3, cwd = 4, umask = 5, fds = 6, cgroup_procs = 7, oom_score_adj = 8, set_oom_score_adj = 9,
    rlimits = 10, enter_namespaces = 11, unshare = 12, uid_map = 13, gid_map = 14, mounts = 15, set_ids = 16,
    uid = 17, gid = 18, groups = 19, capabilities = 20, no_new_privileges = 21, selinux_exec_label = 22,
    apparmor_exec_profile = 23, seccomp_filters = 24, seccomp_flags = 25, parent_death_signal = 26,
    return_namespaces = 27, program = 28,
  };
};
struct FdUseField {
  enum : std::uint32_t { received = 1, target = 2 };
};
struct RlimitField {
  enum : std::uint32_t { type = 1, soft = 2, hard = 3 };
};
struct CapabilitiesField {
  enum : std::uint32_t { bounding = 1, effective = 2, permitted = 3, inheritable = 4, ambient = 5 };
};
struct MountField {
  enum : std::uint32_t {
    kind = 1, source = 2, target = 3, fstype = 4, flags = 5, data = 6, mode = 7, fd = 8, optional = 9,
  };
};
struct MountKind {
  enum : std::uint32_t {
    mount = 0, bind = 1, move_fd = 2, pivot = 3, umount = 4, mkdir = 5, symlink = 6, propagation = 7, mkfile = 8,
    remove = 9,
  };
};
struct ReplyField {
  enum : std::uint32_t { step = 1, object = 2, errno_value = 3, message = 4, kind = 5 };
};
struct ReplyKind {
  enum : std::uint32_t { failed = 0, wants_id_maps = 1, supervised = 2, ready = 3, done = 4 };
};
struct HolderPlanField {
  enum : std::uint32_t {
    uses_terminal = 1, new_netns = 2, netns_path = 3, cgroup_procs = 4, hostname = 5, new_ipc = 6,
    enter_namespaces = 7, oom_score_adj = 8, set_oom_score_adj = 9,
  };
};
struct HolderReportField {
  enum : std::uint32_t { pid = 1, failed = 2, failure = 3 };
};
// clang-format on

} // namespace nacre::launch
