/* The hypervisor kind: runs one virtual machine a handle.
 *
 * Calls on one handle are never concurrent. An operation that may take more than about a second returns an operation
 * id and ends by NACRE_EVENT_OPERATION_DONE. A plugin may have threads of its own, with all signals blocked.
 *
 * ABI RULE: append only.
 */
#ifndef NACRE_PLUGIN_HYPERVISOR_H
#define NACRE_PLUGIN_HYPERVISOR_H

#include "host_api.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NACRE_HYPERVISOR_VERSION 1

/* Capabilities of the backend as a whole. */
#define NACRE_HV_SHARE_FOLDERS (1ull << 0)    /* NACRE_DEVICE_SHARE: the VMM itself serves folders (9p) */
#define NACRE_HV_VHOST_USER_FS (1ull << 1)
#define NACRE_HV_MULTI_QUEUE (1ull << 2)
#define NACRE_HV_RESIZE_VCPUS (1ull << 3)
#define NACRE_HV_RESIZE_MEMORY (1ull << 4)
#define NACRE_HV_PAUSE (1ull << 5)
#define NACRE_HV_SAVE (1ull << 6)
#define NACRE_HV_INITRD (1ull << 7)
#define NACRE_HV_IMAGE (1ull << 8)
#define NACRE_HV_RATE_LIMIT_NET (1ull << 9)
#define NACRE_HV_RATE_LIMIT_DISK (1ull << 10)
#define NACRE_HV_NO_GUEST (1ull << 11)        /* answers every call and runs nothing: for tests of plan and ABI */

/* Device kinds. */
#define NACRE_DEVICE_SHARE 1u          /* a folder served by the VMM, 9p; host end: path in the pod's mount namespace */
#define NACRE_DEVICE_VHOST_USER_FS 2u  /* virtio-fs; host end: socket */
#define NACRE_DEVICE_BLOCK 3u          /* disk; host end: descriptor or path */
#define NACRE_DEVICE_NET 4u            /* NIC; host end: tap descriptors, or a stream or vhost-user socket */
#define NACRE_DEVICE_VFIO 5u           /* host end: PCI address */
#define NACRE_DEVICE_PMEM 6u
#define NACRE_DEVICE_VSOCK 7u
#define NACRE_DEVICE_KIND_LIMIT 32u    /* kinds stay below this */

/* What can be done with devices of one kind, in the configuration at hand. */
#define NACRE_DEV_COLD_ADD (1ull << 0)
#define NACRE_DEV_HOT_ADD (1ull << 1)
#define NACRE_DEV_HOT_REMOVE (1ull << 2)
#define NACRE_DEV_SURVIVES_SAVE (1ull << 3)
#define NACRE_DEV_REBIND (1ull << 4)   /* the host's end can be replaced under the same id */
#define NACRE_DEV_GROW (1ull << 5)     /* the guest can be told that what stands for it on the host has grown */

/* The guest's part of a device: what the guest sees, and what stays when the host's end is replaced. */
struct nacre_guest_device {
  uint32_t struct_size;
  uint32_t kind;            /* NACRE_DEVICE_* */
  NACRE_STRING(id);         /* [a-z0-9-]{1,31}, unique in the VM, stable over save and restore */
  NACRE_STRING(address);    /* filled by the hypervisor: PCI path ("02/03"), virtio-mmio slot ("mmio5": the _UID of
                               its ACPI device LNRO0005), target of the virtio SCSI controller in such a
                               place ("scsi:02/03:0"), slot of an NVDIMM ("nvdimm:2": its handle in the ACPI NFIT
                               is one more), or "" while unknown */
  NACRE_STRING(tag);        /* SHARE, VHOST_USER_FS: the mount tag; BLOCK: the serial */
  NACRE_STRING(options);    /* JSON object of further settings of this device ("cache", "discard", "security_model",
                               "queue_size", "driver"); unknown ones are an error of the plan */
  uint8_t mac[8];           /* NET: first 6 bytes */
  uint32_t read_only;       /* 1: the guest cannot write */
  uint32_t mtu;             /* NET: 0: do not tell the guest */
  uint32_t queues;          /* pairs for NET; 0 is 1 */
  uint32_t reserved;
};

/* The host's end of a device. Descriptors are indices into the call's array. */
#define NACRE_END_NONE 0u
#define NACRE_END_FDS 1u         /* tap queues, or one disk descriptor */
#define NACRE_END_PATH 2u        /* in the pod's mount namespace */
#define NACRE_END_SOCKET 3u      /* vhost-user: path of a listening unix socket in the pod's mount namespace */
#define NACRE_END_STREAM 4u      /* NET: one connected unix stream socket, frames with a 4-byte length (passt) */
#define NACRE_END_PCI 5u         /* VFIO: "0000:01:00.0" */
struct nacre_host_end {
  uint32_t struct_size;
  uint32_t kind;            /* NACRE_END_* */
  NACRE_STRING(path);       /* PATH, SOCKET, PCI */
  uint32_t first_fd;        /* index of the first descriptor */
  uint32_t fd_count;
  uint32_t first_vhost_fd;  /* NET: /dev/vhost-net, one a queue; used when vhost_fd_count is not 0 */
  uint32_t vhost_fd_count;
  NACRE_STRING(ifname);     /* NET over a tap: its name, for messages */
};

#define NACRE_RAM_ANONYMOUS 0u
#define NACRE_RAM_SHARED_MEMFD 1u   /* vhost-user needs it */
#define NACRE_RAM_FILE_SHARED 2u
#define NACRE_RAM_FILE_PRIVATE 3u   /* copy on write from a template */

/* A virtual machine, in plain terms. */
struct nacre_vm_description {
  uint32_t struct_size;
  uint32_t ram_backing;         /* NACRE_RAM_* */
  NACRE_STRING(id);             /* the sandbox's, for names in ps and messages */
  uint64_t memory_bytes;        /* at boot */
  uint64_t memory_max_bytes;    /* with hot-plug; equal to memory_bytes: no hot-plug */
  uint32_t vcpus;               /* at boot, 1 or more */
  uint32_t vcpus_max;
  NACRE_STRING(ram_path);       /* NACRE_RAM_FILE_*: absolute path */
  NACRE_STRING(kernel);         /* absolute paths in the pod's mount namespace; uncompressed ELF or bzImage */
  NACRE_STRING(initrd);         /* empty: image */
  NACRE_STRING(image);          /* disk image with the root file system; empty: initrd */
  NACRE_STRING(kernel_params);  /* what the core and the user want; the plugin adds what its machine needs before it */
  const struct nacre_guest_device *const *devices; /* added before boot, in this order */
  const struct nacre_host_end *const *host_ends;   /* one for each device */
  uint32_t device_count;
  int32_t console_fd;           /* index of a descriptor (moved) that gets the guest's console output; -1: none */
  uint32_t debug;               /* 1: verbose kernel console */
  uint32_t reserved;
};

/* Where the machine's state comes from. */
#define NACRE_START_COLD 0u
#define NACRE_START_SNAPSHOT 1u  /* path: folder that save() wrote */
#define NACRE_START_INCOMING 2u  /* fd: index of a connected stream */
struct nacre_vm_source {
  uint32_t struct_size;
  uint32_t kind;             /* NACRE_START_* */
  NACRE_STRING(path);
  int32_t fd;
  uint32_t reserved;
};

#define NACRE_SAVE_SNAPSHOT 0u
#define NACRE_SAVE_TEMPLATE 1u   /* without RAM that is shared in a file already */
#define NACRE_SAVE_OUTGOING 2u
struct nacre_vm_sink {
  uint32_t struct_size;
  uint32_t mode;             /* NACRE_SAVE_* */
  NACRE_STRING(path);
  int32_t fd;
  uint32_t reserved;
};

/* How the agent is reached. */
#define NACRE_CHANNEL_FD 1u            /* a connected stream: virtio-serial relayed by the VMM; in fds_out[0] */
#define NACRE_CHANNEL_VSOCK 2u         /* AF_VSOCK: cid, port */
#define NACRE_CHANNEL_HYBRID_VSOCK 3u  /* unix socket `path`, "CONNECT port\n" */
struct nacre_agent_channel {
  uint32_t struct_size;
  uint32_t kind;             /* NACRE_CHANNEL_* */
  uint64_t cid;
  uint32_t port;
  uint32_t reserved;
  NACRE_STRING(path);
  NACRE_STRING(kernel_params); /* what the guest must be told to use it; known before start */
};

struct nacre_vm_processes {
  uint32_t struct_size;
  uint32_t count;
  const int32_t *pids;         /* the VMM first */
  const int32_t *vcpu_tids;    /* in vCPU order */
  uint32_t vcpu_count;
  uint32_t reserved;
};

struct nacre_vm_size {
  uint32_t struct_size;
  uint32_t vcpus;              /* 0: leave alone */
  uint64_t memory_bytes;       /* 0: leave alone */
};

struct nacre_device_list {
  uint32_t struct_size;
  uint32_t count;
  const struct nacre_guest_device *const *devices;
};

typedef struct nacre_vm nacre_vm; /* opaque, the plugin's */

struct nacre_hypervisor_ops {
  uint32_t struct_size;
  uint32_t reserved;

  /* Can this host run it? No side effects; a program may be looked for, not run. `options` as for create(). */
  int32_t (*probe)(const struct nacre_host *host, const struct nacre_call *call, const char *options,
                   uint64_t options_len, struct nacre_probe_report *ret, struct nacre_error *error);
  /* A handle, without side effects on the host. `options`: JSON object, the plugin's checked table. */
  int32_t (*create)(const struct nacre_host *host, const struct nacre_call *call, const char *options,
                    uint64_t options_len, nacre_vm **ret, struct nacre_error *error);
  void (*destroy)(nacre_vm *vm); /* the VM was stopped before, or never started */

  /* Before anything is spawned: what this configuration can do. */
  int32_t (*device_capabilities)(nacre_vm *vm, uint32_t kind, uint64_t *ret, struct nacre_error *error);
  /* Which channel start() will give; `cid`, fds and path may still be unknown. */
  int32_t (*channel)(nacre_vm *vm, struct nacre_agent_channel *ret, struct nacre_error *error);

  /* Returns when the vCPUs run (or the restore has begun). */
  int32_t (*start)(nacre_vm *vm, const struct nacre_call *call, const struct nacre_vm_description *description,
                   const struct nacre_vm_source *source, const struct nacre_fds *fds, struct nacre_error *error);
  /* A connection to the agent's channel as channel() says; for NACRE_CHANNEL_FD the descriptor, once. */
  int32_t (*connect)(nacre_vm *vm, const struct nacre_call *call, struct nacre_agent_channel *ret,
                     struct nacre_fds_out *fds_out, struct nacre_error *error);
  /* graceful 1: ask the machine to power down and return; 0: end the VMM now. Idempotent. */
  int32_t (*stop)(nacre_vm *vm, const struct nacre_call *call, uint32_t graceful, struct nacre_error *error);
  int32_t (*pause)(nacre_vm *vm, const struct nacre_call *call, struct nacre_error *error);
  int32_t (*resume)(nacre_vm *vm, const struct nacre_call *call, struct nacre_error *error);

  /* Hot-add. ret->address is set. */
  int32_t (*add_device)(nacre_vm *vm, const struct nacre_call *call, const struct nacre_guest_device *device,
                        const struct nacre_host_end *host_end, const struct nacre_fds *fds,
                        struct nacre_guest_device *ret, struct nacre_error *error);
  int32_t (*remove_device)(nacre_vm *vm, const struct nacre_call *call, const char *id, uint64_t id_len,
                           uint64_t *ret_operation, struct nacre_error *error);
  int32_t (*rebind_device)(nacre_vm *vm, const struct nacre_call *call, const char *id, uint64_t id_len,
                           const struct nacre_host_end *host_end, const struct nacre_fds *fds,
                           struct nacre_error *error);
  int32_t (*describe)(nacre_vm *vm, const struct nacre_call *call, struct nacre_device_list *ret,
                      struct nacre_error *error);
  /* Operation id; ends by OPERATION_DONE after the guest could see the change. */
  int32_t (*resize)(nacre_vm *vm, const struct nacre_call *call, const struct nacre_vm_size *size,
                    uint64_t *ret_operation, struct nacre_error *error);
  int32_t (*save)(nacre_vm *vm, const struct nacre_call *call, const struct nacre_vm_sink *sink,
                  const struct nacre_fds *fds, uint64_t *ret_operation, struct nacre_error *error);

  int32_t (*processes)(nacre_vm *vm, struct nacre_vm_processes *ret, struct nacre_error *error);
  int32_t (*events_fd)(nacre_vm *vm); /* borrowed, alive until destroy(); -1: none */

  /* Plays one journal record back: no handle, a fresh process, perhaps for a change never made. Idempotent. */
  int32_t (*undo)(const struct nacre_host *host, const struct nacre_call *call, const void *record, uint64_t length,
                  struct nacre_error *error);

  /* BLOCK: the file or device that stands for the disk on the host has `bytes` now, more than before; the guest is told.
     Its place and its id stay. Never smaller: a guest would lose what is there. Missing, or without NACRE_DEV_GROW:
     it cannot. */
  int32_t (*grow_device)(nacre_vm *vm, const struct nacre_call *call, const char *id, uint64_t id_len, uint64_t bytes,
                         struct nacre_error *error);
};

#ifdef __cplusplus
}
#endif
#endif
