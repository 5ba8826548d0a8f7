/* The storage kind: brings rootfs and mounts of containers into the VM.
 *
 * One handle a pod. prepare() is asked once before the VM starts, for what the pod as a whole needs (a share, a
 * daemon); attach() for each rootfs and mount. Calls on one handle are never concurrent.
 *
 * ABI RULE: append only.
 */
#ifndef NACRE_PLUGIN_STORAGE_H
#define NACRE_PLUGIN_STORAGE_H

#include "host_api.h"
#include "hypervisor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NACRE_STORAGE_VERSION 1

#define NACRE_ST_SHARES_FOLDERS (1ull << 0)  /* attach() may answer NACRE_ATTACH_SHARED */
#define NACRE_ST_BLOCK (1ull << 1)           /* takes block devices */
#define NACRE_ST_SHARED_RAM (1ull << 2)      /* the VM's memory must be shared (vhost-user) */
#define NACRE_ST_SURVIVES_SAVE (1ull << 3)   /* nothing of it hinders save() */

/* A mount as the agent is to make it. */
struct nacre_guest_mount {
  uint32_t struct_size;
  uint32_t option_count;
  NACRE_STRING(driver);       /* the agent's handler: "9p", "virtiofs", "block", "bind", "tmpfs", "overlay" */
  NACRE_STRING(source);       /* tag, "device:ID" of a device of ours (the core puts its address there), guest path */
  NACRE_STRING(fstype);
  NACRE_STRING(mount_point);  /* guest path; empty: the core chooses */
  const char *const *options; /* NUL-terminated */
};

/* What the pod needs. Descriptors of host ends are in fds_out, moved. */
struct nacre_storage_plan {
  uint32_t struct_size;
  uint32_t device_count;
  const struct nacre_guest_device *const *devices;
  const struct nacre_host_end *const *host_ends;
  uint32_t mount_count;
  uint32_t reserved;
  const struct nacre_guest_mount *const *mounts; /* made by the agent in CreateSandbox */
};

struct nacre_storage_pod {
  uint32_t struct_size;
  uint32_t reserved;
  NACRE_STRING(sandbox_id);
  NACRE_STRING(share);        /* the folder to be shared, in the pod's mount namespace ("/share") */
  NACRE_STRING(guest_share);  /* where the agent is to mount it ("/run/nacre/share/pod") */
};

#define NACRE_SOURCE_FOLDER 1u
#define NACRE_SOURCE_FILE 2u
#define NACRE_SOURCE_BLOCK 3u    /* a block device node, or a folder whose mount is one (then `device` is set) */
#define NACRE_SOURCE_CHAR 4u
#define NACRE_SOURCE_SOCKET 5u
#define NACRE_SOURCE_FIFO 6u
#define NACRE_SOURCE_SPACE 7u    /* none of the host's: the guest is to have a file system of its own, which is kept in the
                                    folder `source` of the host, as what a plugin has put there for it before */
struct nacre_mount_request {
  uint32_t struct_size;
  uint32_t is_rootfs;         /* 1: the container's root */
  NACRE_STRING(container_id);
  NACRE_STRING(source);       /* host path, resolved by the core */
  NACRE_STRING(destination);  /* in the container; "" for a rootfs */
  NACRE_STRING(fstype);       /* the host's, from mountinfo; of a rootfs on a device node: what it is to be mounted as.
                                 "" with NACRE_SOURCE_BLOCK: the container gets the device itself, and the answer has one
                                 device and no mount */
  const char *const *options; /* of the OCI mount, or of the mount of such a node, NUL-terminated */
  uint32_t option_count;
  uint32_t source_kind;       /* NACRE_SOURCE_* */
  uint32_t read_only;
  uint32_t device_major;      /* of the file system that source is on; of the node for BLOCK and CHAR */
  uint32_t device_minor;
  uint32_t reserved;
  uint32_t last_resort;       /* 1: no plugin of the list takes it as it is; one that makes a copy of it may */
  uint32_t reserved2;
};

#define NACRE_ATTACH_SHARED 1u  /* the core puts the source into the pod's share and names it there */
#define NACRE_ATTACH_DEVICE 2u  /* device and guest mount below; for a device itself no mount */
#define NACRE_ATTACH_GUEST 3u   /* nothing of the host is used: guest mount only */
#define NACRE_ATTACH_COPY 4u    /* the core copies the file into the guest: a regular one of at most
                                   NACRE_COPY_BYTES_MAX bytes, asked for as the last resort */
#define NACRE_COPY_BYTES_MAX 524288u
struct nacre_attach_result {
  uint32_t struct_size;
  uint32_t how;                             /* NACRE_ATTACH_* */
  const struct nacre_guest_device *device;  /* ATTACH_DEVICE */
  const struct nacre_host_end *host_end;    /* its descriptors are in fds_out, moved */
  const struct nacre_guest_mount *mount;    /* ATTACH_DEVICE, ATTACH_GUEST */
  /* Several of them, for ATTACH_DEVICE and ATTACH_GUEST. A count of 0: the single one above counts. Devices are added in
   * their order and removed in the opposite one. So are mounts made and undone; the last is what the container sees, and
   * the only one whose mount_point may be empty. */
  uint32_t device_count;
  uint32_t mount_count;
  const struct nacre_guest_device *const *devices;
  const struct nacre_host_end *const *host_ends; /* one for each device */
  const struct nacre_guest_mount *const *mounts; /* each may name any of the devices as its source */
};

typedef struct nacre_store nacre_store;           /* opaque, the plugin's: one a pod */
typedef struct nacre_attachment nacre_attachment; /* opaque, the plugin's: one a rootfs or mount */

struct nacre_storage_ops {
  uint32_t struct_size;
  uint32_t reserved;
  int32_t (*probe)(const struct nacre_host *host, const struct nacre_call *call, const char *options,
                   uint64_t options_len, struct nacre_probe_report *ret, struct nacre_error *error);
  int32_t (*create)(const struct nacre_host *host, const struct nacre_call *call, const char *options,
                    uint64_t options_len, nacre_store **ret, struct nacre_error *error);
  void (*destroy)(nacre_store *store);

  /* For the plan: bit k is set when devices of kind k are needed with the given NACRE_DEV_* bit. No side effects. */
  int32_t (*needs)(nacre_store *store, uint64_t *ret_cold_kinds, uint64_t *ret_hot_kinds, struct nacre_error *error);
  /* *ret 1: this plugin takes it; 0: ask the next one. `reason` (NUL-terminated) says why not. No side effects. */
  int32_t (*claim)(nacre_store *store, const struct nacre_mount_request *request, uint32_t *ret, char *reason,
                   uint64_t reason_capacity, struct nacre_error *error);

  int32_t (*prepare)(nacre_store *store, const struct nacre_call *call, const struct nacre_storage_pod *pod,
                     struct nacre_storage_plan *ret, struct nacre_fds_out *fds_out, struct nacre_error *error);
  int32_t (*attach)(nacre_store *store, const struct nacre_call *call, const struct nacre_mount_request *request,
                    nacre_attachment **ret, struct nacre_attach_result *ret_result, struct nacre_fds_out *fds_out,
                    struct nacre_error *error);
  /* After the guest has unmounted it and the device was removed. The handle ends, also when this fails: what could not
   * be undone stays in the journal. All attachments were detached before release(). */
  int32_t (*detach)(nacre_attachment *attachment, const struct nacre_call *call, struct nacre_error *error);
  /* Ends what prepare() began, after the VM is gone. */
  int32_t (*release)(nacre_store *store, const struct nacre_call *call, struct nacre_error *error);

  int32_t (*undo)(const struct nacre_host *host, const struct nacre_call *call, const void *record, uint64_t length,
                  struct nacre_error *error);
};

#ifdef __cplusplus
}
#endif
#endif
