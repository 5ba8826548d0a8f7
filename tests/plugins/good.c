/* A storage plugin in plain C: what tests/plugins/good.cpp does, without the SDK. */
#define _GNU_SOURCE
#include <nacre/plugin/define.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct nacre_store {
  const struct nacre_host* host;
  uint64_t change;
  struct nacre_guest_device device;
  struct nacre_host_end end;
  struct nacre_guest_mount mount;
  const struct nacre_guest_device* devices[1];
  const struct nacre_host_end* ends[1];
  const struct nacre_guest_mount* mounts[1];
};

struct nacre_attachment {
  struct nacre_store* store;
  char source[64];
  struct nacre_guest_mount mount;
  const struct nacre_guest_mount* mounts[2];
};

static int32_t fail(struct nacre_error* error, int32_t code, int errno_value, const char* what) {
  error->code = code;
  error->errno_value = errno_value;
  snprintf(error->what, sizeof error->what, "%s", what);
  return -code;
}

static int has(const char* text, uint64_t length, const char* wanted) {
  return text != NULL && memmem(text, length, wanted, strlen(wanted)) != NULL;
}

static int32_t probe(const struct nacre_host* host, const struct nacre_call* call, const char* options,
                     uint64_t options_len, struct nacre_probe_report* ret, struct nacre_error* error) {
  (void)host, (void)call, (void)options, (void)options_len, (void)error;
  ret->status = NACRE_PROBE_OK;
  strcpy(ret->reason, "always");
  return 0;
}

static int32_t create(const struct nacre_host* host, const struct nacre_call* call, const char* options,
                      uint64_t options_len, nacre_store** ret, struct nacre_error* error) {
  (void)call;
  if (has(options, options_len, "\"fail\":\"text\""))
    return fail(error, NACRE_E_UNKNOWN, 0, "key \"path\" is missing");
  if (has(options, options_len, "\"fail\":\"errno\""))
    return fail(error, NACRE_E_NOT_FOUND, ENOENT, "open \"/dev/kvm\": No such file or directory");
  nacre_store* store = calloc(1, sizeof *store);
  if (store == NULL) return fail(error, NACRE_E_EXHAUSTED, ENOMEM, "out of memory");
  store->host = host;
  *ret = store;
  return 0;
}

static void destroy(nacre_store* store) {
  free(store);
}

static int32_t needs(nacre_store* store, uint64_t* cold, uint64_t* hot, struct nacre_error* error) {
  (void)store, (void)error;
  *cold = 1u << NACRE_DEVICE_SHARE;
  *hot = 0;
  return 0;
}

static int32_t claim(nacre_store* store, const struct nacre_mount_request* request, uint32_t* ret,
                     char* reason, uint64_t capacity, struct nacre_error* error) {
  (void)store, (void)error;
  *ret = request->source_len >= 5 && memcmp(request->source, "/good", 5) == 0;
  if (*ret == 0) snprintf(reason, capacity, "it takes what is below /good only");
  return 0;
}

static int32_t prepare(nacre_store* store, const struct nacre_call* call, const struct nacre_storage_pod* pod,
                       struct nacre_storage_plan* ret, struct nacre_fds_out* fds_out,
                       struct nacre_error* error) {
  (void)call;
  static const char record[] = "made by prepare";
  if (!NACRE_HAS_FUNCTION(store->host, struct nacre_host, journal_add))
    return fail(error, NACRE_E_UNSUPPORTED, 0, "no journal");
  int32_t result =
      store->host->journal_add(store->host->context, record, sizeof record - 1, &store->change, error);
  if (result != 0) return result;
  store->host->log(store->host->context, NACRE_LOG_INFO, "prepared", 8);

  int fd = memfd_create("disk", MFD_CLOEXEC);
  if (fd < 0 || fds_out->capacity < 1) return fail(error, NACRE_E_EXHAUSTED, errno, "make a memory file");
  if (write(fd, "disk", 4) != 4) return fail(error, NACRE_E_EXHAUSTED, errno, "write a memory file");
  fds_out->fds[0] = fd;
  fds_out->count = 1;

  store->device = (struct nacre_guest_device){.struct_size = sizeof store->device,
                                              .kind = NACRE_DEVICE_BLOCK,
                                              .id = "disk0",
                                              .id_len = 5,
                                              .tag = "serial",
                                              .tag_len = 6,
                                              .read_only = 1};
  store->end =
      (struct nacre_host_end){.struct_size = sizeof store->end, .kind = NACRE_END_FDS, .fd_count = 1};
  static const char* const options[] = {"ro", "nodev"};
  store->mount = (struct nacre_guest_mount){.struct_size = sizeof store->mount,
                                            .option_count = 2,
                                            .driver = "9p",
                                            .driver_len = 2,
                                            .fstype = "9p",
                                            .fstype_len = 2,
                                            .mount_point = pod->guest_share,
                                            .mount_point_len = pod->guest_share_len,
                                            .options = options};
  store->devices[0] = &store->device;
  store->ends[0] = &store->end;
  store->mounts[0] = &store->mount;
  *ret = (struct nacre_storage_plan){.struct_size = ret->struct_size,
                                     .device_count = 1,
                                     .devices = store->devices,
                                     .host_ends = store->ends,
                                     .mount_count = 1,
                                     .mounts = store->mounts};
  return 0;
}

static int32_t attach(nacre_store* store, const struct nacre_call* call,
                      const struct nacre_mount_request* request, nacre_attachment** ret,
                      struct nacre_attach_result* result, struct nacre_fds_out* fds_out,
                      struct nacre_error* error) {
  (void)call, (void)fds_out;
  nacre_attachment* attachment = calloc(1, sizeof *attachment);
  if (attachment == NULL) return fail(error, NACRE_E_EXHAUSTED, ENOMEM, "out of memory");
  attachment->store = store;
  int length = snprintf(attachment->source, sizeof attachment->source, "guest:%.*s", (int)request->source_len,
                        request->source);
  attachment->mount = (struct nacre_guest_mount){.struct_size = sizeof attachment->mount,
                                                 .driver = "bind",
                                                 .driver_len = 4,
                                                 .source = attachment->source,
                                                 .source_len = (uint64_t)length};
  *result = (struct nacre_attach_result){
      .struct_size = result->struct_size, .how = NACRE_ATTACH_GUEST, .mount = &attachment->mount};
  *ret = attachment;
  if (request->source_len == 12 && memcmp(request->source, "/good/layers", 12) == 0) { /* lists */
    attachment->mounts[0] = &store->mount;
    attachment->mounts[1] = &attachment->mount;
    fds_out->fds[0] = memfd_create("layer", MFD_CLOEXEC);
    fds_out->count = 1;
    result->how = NACRE_ATTACH_DEVICE;
    result->device_count = 1;
    result->devices = store->devices;
    result->host_ends = store->ends;
    result->mount_count = 2;
    result->mounts = attachment->mounts;
  }
  return 0;
}

static int32_t detach(nacre_attachment* attachment, const struct nacre_call* call,
                      struct nacre_error* error) {
  (void)call, (void)error;
  free(attachment);
  return 0;
}

static int32_t release(nacre_store* store, const struct nacre_call* call, struct nacre_error* error) {
  (void)call;
  return store->change != 0 ? store->host->journal_done(store->host->context, store->change, error) : 0;
}

static int32_t undo(const struct nacre_host* host, const struct nacre_call* call, const void* record,
                    uint64_t length, struct nacre_error* error) {
  (void)call, (void)error;
  host->log(host->context, NACRE_LOG_WARNING, record, length);
  return 0;
}

static const struct nacre_storage_ops ops = {
    .struct_size = sizeof ops,
    .probe = probe,
    .create = create,
    .destroy = destroy,
    .needs = needs,
    .claim = claim,
    .prepare = prepare,
    .attach = attach,
    .detach = detach,
    .release = release,
    .undo = undo,
};

NACRE_PLUGIN_DEFINE(storage, PLUGIN_NAME, "1.0", "Apache-2.0", 0,
                    NACRE_ST_SHARES_FOLDERS | NACRE_ST_SURVIVES_SAVE,
                    "[{\"key\":\"fail\",\"type\":\"string\",\"help\":\"how create() fails\"}]", &ops);
