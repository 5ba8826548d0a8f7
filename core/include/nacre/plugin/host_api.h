/* What the host does for a plugin.
 *
 * A plugin does not fork, exec, setns, print, install signal handlers or change the process's cwd, umask or
 * environment: the process is multi-threaded and its spawns are confined in one place. It asks here.
 *
 * ABI RULE: append only; check `struct_size` (NACRE_HAS) before using a member that your lowest host minor lacks.
 */
#ifndef NACRE_PLUGIN_HOST_API_H
#define NACRE_PLUGIN_HOST_API_H

#include "descriptor.h"
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* True when the struct that `pointer` points at is long enough to hold `member`. `type` is the struct's, for offsetof:
 * NACRE_HAS(host, struct nacre_host, metric). */
#define NACRE_HAS(pointer, type, member)                                                                              \
  ((pointer)->struct_size >= (uint32_t)(offsetof(type, member) + sizeof((pointer)->member)))
/* The same for a member that is a function or another pointer: it is there and not NULL. */
#define NACRE_HAS_FUNCTION(pointer, type, member) (NACRE_HAS(pointer, type, member) && (pointer)->member != NULL)

/* Passed to every operation. An operation gives up with NACRE_E_DEADLINE or NACRE_E_CANCELLED, leaving nothing half
 * done that its undo records do not cover. */
struct nacre_call {
  uint32_t struct_size;
  int32_t cancel_fd;    /* readable when the caller does not want the result any more; -1: never. Borrowed */
  uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
};

/* The descriptors of one call, in one counted array; data refers to them by index. */
#define NACRE_FD_BORROWED 0u /* valid during the call only; duplicate it to keep it */
#define NACRE_FD_MOVED 1u    /* the receiver owns it from the call on, also when the call fails */
struct nacre_fds {
  uint32_t struct_size;
  uint32_t count;
  const int32_t *fds;        /* `count` descriptors, all close-on-exec */
  const uint32_t *ownership; /* `count` NACRE_FD_* */
};

/* Descriptors that a call hands out: the caller gives the room, the callee fills `fds` and `count`; all are moved. */
struct nacre_fds_out {
  uint32_t struct_size;
  uint32_t capacity;
  int32_t *fds;
  uint32_t count;
  uint32_t reserved;
};

/* probe()'s answer. */
#define NACRE_PROBE_OK 0u
#define NACRE_PROBE_SKIP 1u  /* this host lacks something (kernel module, program): not an error of anybody */
#define NACRE_PROBE_ERROR 2u
struct nacre_probe_report {
  uint32_t struct_size;
  uint32_t status;       /* NACRE_PROBE_* */
  char reason[488];      /* one sentence, NUL-terminated; also for OK ("KVM", "TCG: the CPU shows no svm or vmx") */
};

#define NACRE_LOG_DEBUG 1u
#define NACRE_LOG_INFO 2u
#define NACRE_LOG_WARNING 3u
#define NACRE_LOG_ERROR 4u

/* A mount that only the process sees: with one of these it gets a mount namespace of its own. */
struct nacre_spawn_mount {
  uint32_t struct_size;
  int32_t fd;                   /* index, among the call's descriptors, of a detached mount (open_tree(2) with
                                   OPEN_TREE_CLONE) that is put at `target`; -1: a new file system */
  NACRE_STRING(target);         /* absolute; a folder that is missing is made */
  NACRE_STRING(fstype);         /* of a new one */
  NACRE_STRING(data);           /* of a new one: the options of mount(2) */
};

/* A process that the plugin wants. What it may do is not said here: the core and the security plugins decide by
 * `role`. The core adds environment, cgroup, mount namespace, limits and filters. */
struct nacre_spawn {
  uint32_t struct_size;
  uint32_t flags;               /* 0 */
  NACRE_STRING(role);           /* "vmm", "virtiofsd", "passt": what security plugins key on */
  const char *const *argv;      /* argv[0] is an absolute path; NULL-terminated strings, `argv_count` of them */
  const char *const *env;       /* "NAME=value"; nothing else is inherited */
  uint32_t argv_count;
  uint32_t env_count;
  const uint32_t *target_fds;   /* one for each descriptor of the call: its number in the new process, 3 or above.
                                   0 is /dev/null, 1 and 2 go to the core, who keeps the tail for error messages.
                                   For a descriptor that `mounts` names: 0, it is not passed on */
  int32_t netns_fd;             /* network namespace to run in, borrowed; -1: an empty one of the pod's own */
  uint32_t in_pod_mounts;       /* 1: the paths of argv are meant in the pod's mount namespace */
  const struct nacre_spawn_mount *const *mounts; /* made in this order, on top of what the process would see */
  uint32_t mount_count;
  uint32_t reserved;
};

struct nacre_process {
  uint32_t struct_size;
  int32_t pid;      /* in the host's pid namespace */
  int32_t pidfd;    /* borrowed, valid until the plugin's handle is destroyed; readable when the process has ended */
  uint32_t reserved;
};

/* One per plugin handle; alive until the handle's destroy() has returned. The one that probe() and undo() get is alive
 * until they return. All functions may be called from any thread of the plugin, except in a signal handler. */
struct nacre_host {
  uint32_t struct_size;
  uint32_t abi_minor;  /* the host's */
  void *context;       /* first argument of every function */

  void (*log)(void *context, uint32_t level, const char *text, uint64_t length);

  /* Starts a process through the launcher; returns when its exec has succeeded. The core ends it when the sandbox
   * goes, whatever happens to the plugin. */
  int32_t (*spawn)(void *context, const struct nacre_call *call, const struct nacre_spawn *plan,
                   const struct nacre_fds *fds, struct nacre_process *ret, struct nacre_error *error);
  /* Sends a signal to a process that spawn() returned. */
  int32_t (*signal_process)(void *context, int32_t pid, int32_t signal, struct nacre_error *error);

  /* socket(2) in another network namespace; close-on-exec; *ret is moved to the plugin. */
  int32_t (*netns_socket)(void *context, int32_t netns_fd, int32_t domain, int32_t type, int32_t protocol,
                          int32_t *ret, struct nacre_error *error);
  /* Opens (makes) a tap there, not persistent: it goes with its last descriptor. `name` is NUL-terminated, below
   * IFNAMSIZ bytes; `flags` are IFF_* of linux/if_tun.h (IFF_TAP, and IFF_MULTI_QUEUE with more than one queue, are
   * added); `queues` descriptors, close-on-exec and moved to the plugin, are written to `ret`. */
  int32_t (*tap_open)(void *context, int32_t netns_fd, const char *name, uint32_t flags, uint32_t queues,
                      int32_t *ret, struct nacre_error *error);

  /* A folder of the pod's own for sockets and files of this plugin, mode 0700, removed with the pod. *ret_folder_fd
   * (an O_PATH descriptor, moved to the plugin) and ret_path (NUL-terminated, at most path_capacity bytes with the NUL;
   * short enough that a name of 20 bytes below it fits a unix socket's address) may each be NULL. */
  int32_t (*pod_folder)(void *context, int32_t *ret_folder_fd, char *ret_path, uint64_t path_capacity,
                        struct nacre_error *error);

  /* Before each change of the host: an undo record, durable when this returns. The plugin's undo() gets the same
   * bytes, perhaps in another process, perhaps for a change that was never made. At most 64 KiB. */
  int32_t (*journal_add)(void *context, const void *record, uint64_t length, uint64_t *ret_id,
                         struct nacre_error *error);
  /* After the change has been undone in the ordinary way. */
  int32_t (*journal_done)(void *context, uint64_t id, struct nacre_error *error);

  /* A named number for the sandbox's metrics. */
  void (*metric)(void *context, const char *name, double value);

  /* Starts a process as spawn() does and returns when it has ended; cancelled or overdue, it is killed. *ret_status is
   * what waitpid(2) gives; ret_words (NUL-terminated) gets the end of what it wrote on 1 and 2. */
  int32_t (*run)(void *context, const struct nacre_call *call, const struct nacre_spawn *plan,
                 const struct nacre_fds *fds, int32_t *ret_status, char *ret_words, uint64_t words_capacity,
                 struct nacre_error *error);
};

/* An event, read from a handle's events descriptor (SOCK_SEQPACKET, one struct a packet, followed by `text_len` bytes
 * of text and `device_len` bytes of device id). End of file: the plugin will not say more. */
#define NACRE_EVENT_VM_EXITED 1u      /* value: exit status of the VMM as waitpid gives it, when known */
#define NACRE_EVENT_GUEST_PANIC 2u
#define NACRE_EVENT_DEVICE_REMOVED 3u /* device */
#define NACRE_EVENT_SIZE_CHANGED 4u   /* value: bytes of memory */
#define NACRE_EVENT_IO_ERROR 5u       /* device, text */
#define NACRE_EVENT_PROGRESS 6u       /* operation, value: percent */
#define NACRE_EVENT_OPERATION_DONE 7u /* operation; value: 0 or NACRE_E_*; text: why */
#define NACRE_EVENT_GUEST_RESET 8u
struct nacre_event {
  uint32_t struct_size;
  uint32_t kind;        /* NACRE_EVENT_*; unknown ones are ignored */
  uint64_t operation;   /* 0: none */
  uint64_t value;
  uint32_t text_len;
  uint32_t device_len;
};

#ifdef __cplusplus
}
#endif
#endif
