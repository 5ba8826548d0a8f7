/* The security kind: confines host processes and says what the guest's processes may do.
 *
 * A plugin returns data, never code that runs between fork and exec. The plugins of the list are asked in order; what
 * they return is merged, the stricter side wins. Calls on one handle are never concurrent.
 *
 * ABI RULE: append only.
 */
#ifndef NACRE_PLUGIN_SECURITY_H
#define NACRE_PLUGIN_SECURITY_H

#include "host_api.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NACRE_SECURITY_VERSION 1

#define NACRE_SEC_HOST_SECCOMP (1ull << 0)
#define NACRE_SEC_GUEST_SECCOMP (1ull << 1)
#define NACRE_SEC_HOST_LABEL (1ull << 2)
#define NACRE_SEC_GUEST_LABEL (1ull << 3)

/* A process that the core is about to spawn. */
struct nacre_process_request {
  uint32_t struct_size;
  uint32_t reserved;
  NACRE_STRING(role);        /* "vmm", "virtiofsd", "passt", "hook" */
  NACRE_STRING(program);     /* absolute path */
  NACRE_STRING(sandbox_id);
  NACRE_STRING(bundle_label); /* process.selinuxLabel of the pod's first container; "" */
  NACRE_STRING(plugin);      /* who asked: "hypervisor/qemu" */
};

/* What this plugin adds to the process plan. A field left at 0 or NULL says nothing. */
struct nacre_process_rules {
  uint32_t struct_size;
  uint32_t no_new_privileges;       /* 1: set it */
  const void *filter;               /* struct sock_filter[], as the kernel takes it */
  uint64_t filter_bytes;            /* a multiple of 8 */
  uint32_t filter_flags;            /* SECCOMP_FILTER_FLAG_* */
  uint32_t set_ids;                 /* 1: uid, gid and groups count */
  uint32_t uid;
  uint32_t gid;
  const uint32_t *groups;
  uint32_t group_count;
  uint32_t limit_capabilities;      /* 1: only those of `capabilities` stay in any set */
  const char *const *capabilities;  /* "dac_override" */
  uint32_t capability_count;
  uint32_t rlimit_count;
  const char *const *rlimits;       /* "RLIMIT_NOFILE=1024:4096" */
  NACRE_STRING(selinux_label);
  NACRE_STRING(apparmor_profile);
};

/* The guest's process: JSON texts in, replacement out. */
struct nacre_guest_request {
  uint32_t struct_size;
  uint32_t is_exec;          /* 1: `process` is an exec's, `linux_section` the container's */
  NACRE_STRING(process);     /* the OCI `process` object */
  NACRE_STRING(linux_section); /* the OCI `linux` object; "{}" when absent */
};
struct nacre_guest_rules {
  uint32_t struct_size;
  uint32_t reserved;
  NACRE_STRING(process);       /* "" : unchanged */
  NACRE_STRING(linux_section); /* "" : unchanged */
};

typedef struct nacre_guard nacre_guard; /* opaque, the plugin's: one a pod */

struct nacre_security_ops {
  uint32_t struct_size;
  uint32_t reserved;
  int32_t (*probe)(const struct nacre_host *host, const struct nacre_call *call, const char *options,
                   uint64_t options_len, struct nacre_probe_report *ret, struct nacre_error *error);
  int32_t (*create)(const struct nacre_host *host, const struct nacre_call *call, const char *options,
                    uint64_t options_len, nacre_guard **ret, struct nacre_error *error);
  void (*destroy)(nacre_guard *guard);

  int32_t (*confine)(nacre_guard *guard, const struct nacre_call *call, const struct nacre_process_request *request,
                     struct nacre_process_rules *ret, struct nacre_error *error);
  /* A failure refuses the container or the exec; its sentence is what the user reads. */
  int32_t (*guest_process)(nacre_guard *guard, const struct nacre_call *call, const struct nacre_guest_request *request,
                           struct nacre_guest_rules *ret, struct nacre_error *error);

  int32_t (*undo)(const struct nacre_host *host, const struct nacre_call *call, const void *record, uint64_t length,
                  struct nacre_error *error);
};

#ifdef __cplusplus
}
#endif
#endif
