/* Plugins that are wrong in one way each: the build gives the macro of the way, this one source does the
 * rest. */
#define _GNU_SOURCE
#include <nacre/plugin/define.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef V_NAME
#define V_NAME "variant"
#endif
#ifndef V_MAGIC
#define V_MAGIC "NACREPLG"
#endif
#ifndef V_MAJOR
#define V_MAJOR 1
#endif
#ifndef V_MIN_HOST_MINOR
#define V_MIN_HOST_MINOR 0
#endif
#ifndef V_KIND
#define V_KIND "security"
#endif
#ifndef V_KIND_VERSION
#define V_KIND_VERSION 1
#endif
#ifndef V_NOTE_NAME
#define V_NOTE_NAME V_NAME
#endif
#ifndef V_NOTE_CAPABILITIES
#define V_NOTE_CAPABILITIES "NACRE_SEC_HOST_LABEL"
#endif
#ifdef V_NOTE_MANY /* a thousand members that nobody asked for */
#define V_FIELD NACRE_NOTE_NUMBER("more", "1") ","
#define V_TEN V_FIELD V_FIELD V_FIELD V_FIELD V_FIELD V_FIELD V_FIELD V_FIELD V_FIELD V_FIELD
#define V_HUNDRED V_TEN V_TEN V_TEN V_TEN V_TEN V_TEN V_TEN V_TEN V_TEN V_TEN
#define V_NOTE_EXTRA                                                                                         \
  V_HUNDRED V_HUNDRED V_HUNDRED V_HUNDRED V_HUNDRED V_HUNDRED V_HUNDRED V_HUNDRED V_HUNDRED V_HUNDRED
#else
#define V_NOTE_EXTRA ""
#endif
#ifndef V_DESCRIPTOR_MAGIC
#define V_DESCRIPTOR_MAGIC V_MAGIC
#endif
#ifndef V_STRUCT_SIZE
#define V_STRUCT_SIZE sizeof(struct nacre_plugin_descriptor)
#endif
#ifndef V_OPS
#define V_OPS &ops
#endif
#ifndef V_CREATE
#define V_CREATE create
#endif
#ifndef V_OPTIONS
#define V_OPTIONS "[]"
#endif

#ifdef V_OPTIONS_MANY /* a thousand, each with a name of its own */
#undef V_OPTIONS
#define V_OPTION_NAMED(number)                                                                               \
  "{\"key\":\"k" #number "\",\"type\":\"integer\",\"default\":1,\"help\":\"one of many\"},"
#define V_OPTION_NUMBERED(number) V_OPTION_NAMED(number)
#define V_OPTION V_OPTION_NUMBERED(__COUNTER__)
#define V_OPTIONS_10 V_OPTION V_OPTION V_OPTION V_OPTION V_OPTION V_OPTION V_OPTION V_OPTION V_OPTION V_OPTION
#define V_OPTIONS_100                                                                                        \
  V_OPTIONS_10 V_OPTIONS_10 V_OPTIONS_10 V_OPTIONS_10 V_OPTIONS_10 V_OPTIONS_10 V_OPTIONS_10 V_OPTIONS_10    \
      V_OPTIONS_10 V_OPTIONS_10
static const char many_options[] = "[" V_OPTIONS_100 V_OPTIONS_100 V_OPTIONS_100 V_OPTIONS_100 V_OPTIONS_100
    V_OPTIONS_100 V_OPTIONS_100 V_OPTIONS_100 V_OPTIONS_100 V_OPTIONS_100
                                   "{\"key\":\"last\",\"type\":\"boolean\",\"help\":\"it ends\"}]";
#define V_OPTIONS many_options
#endif

static int32_t probe(const struct nacre_host* host, const struct nacre_call* call, const char* options,
                     uint64_t options_len, struct nacre_probe_report* ret, struct nacre_error* error) {
  (void)host, (void)call, (void)options, (void)options_len, (void)error, (void)ret;
#ifdef V_PROBE_LATE /* does not care for its deadline */
  struct timespec end = {(time_t)(call->deadline_ns / 1000000000u), (long)(call->deadline_ns % 1000000000u)};
  end.tv_sec += 2;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0) {
  }
#endif
#ifdef V_PROBE_ABORTS
  abort();
#endif
#ifdef V_PROBE_CRASHES
  *(volatile int*)16 = 1;
#endif
#ifdef V_PROBE_EXITS
  _exit(7);
#endif
#ifdef V_PROBE_SKIPS
  ret->status = NACRE_PROBE_SKIP;
  strcpy(ret->reason, "there is no SELinux here");
#endif
#ifdef V_PROBE_FAILS
  error->code = NACRE_E_NOT_FOUND;
  error->errno_value = 2;
  strcpy(error->what, "find \"/opt/vmm\"");
  return -NACRE_E_NOT_FOUND;
#endif
  return 0;
}

static int32_t create(const struct nacre_host* host, const struct nacre_call* call, const char* options,
                      uint64_t options_len, nacre_guard** ret, struct nacre_error* error) {
  (void)host, (void)call, (void)options, (void)options_len, (void)error;
#ifdef V_CREATE_CRASHES
  *(volatile int*)16 = 1;
#endif
#ifdef V_CREATE_FAILS_SILENTLY
  return -NACRE_E_INTERNAL;
#endif
#ifdef V_CREATE_FAILS_WITHOUT_END /* no NUL anywhere, and a code that nobody knows */
  memset(error->what, 'x', sizeof error->what);
  return -4711;
#endif
#ifndef V_CREATE_GIVES_NOTHING
  *ret = (nacre_guard*)(uintptr_t)1;
#endif
  return 0;
}

static void destroy(nacre_guard* guard) {
  (void)guard;
}

/* Short on purpose: what follows destroy() is absent, and the host must not look there. */
static const struct nacre_security_ops ops = {
#ifdef V_OPS_SIZE
    .struct_size = V_OPS_SIZE,
#else
    .struct_size = offsetof(struct nacre_security_ops, confine),
#endif
    .probe = probe,
    .create = V_CREATE,
    .destroy = destroy,
    .confine = (int32_t(*)(nacre_guard*, const struct nacre_call*, const struct nacre_process_request*,
                           struct nacre_process_rules*, struct nacre_error*))1,
};

#ifndef V_NO_NOTE
#ifdef V_NOTE_TEXT
NACRE_PLUGIN_NOTE(V_NOTE_TEXT);
#else
NACRE_PLUGIN_NOTE(
    "{" NACRE_NOTE_STRING("magic", V_MAGIC) "," NACRE_NOTE_NUMBER("abi_major", NACRE_TEXT_OF(V_MAJOR)) "," NACRE_NOTE_NUMBER("abi_minor", "0") "," NACRE_NOTE_NUMBER(
        "min_host_minor",
        NACRE_TEXT_OF(
            V_MIN_HOST_MINOR)) "," NACRE_NOTE_STRING("kind",
                                                     V_KIND) "," NACRE_NOTE_NUMBER("kind_version",
                                                                                   NACRE_TEXT_OF(
                                                                                       V_KIND_VERSION)) "," NACRE_NOTE_STRING("name",
                                                                                                                              V_NOTE_NAME) "," NACRE_NOTE_STRING("version",
                                                                                                                                                                 "1") "," NACRE_NOTE_STRING("licence",
                                                                                                                                                                                            "Apache-2.0") "," V_NOTE_EXTRA
        NACRE_NOTE_STRING("capabilities", V_NOTE_CAPABILITIES) "}");
#endif
#endif

#ifndef V_NO_SYMBOL
__attribute__((visibility("default"), used)) const struct nacre_plugin_descriptor nacre_plugin_v1 = {
    .magic = V_DESCRIPTOR_MAGIC,
    .struct_size = V_STRUCT_SIZE,
    .abi_major = V_MAJOR,
    .min_host_minor = V_MIN_HOST_MINOR,
    .kind = NACRE_KIND_SECURITY,
    .kind_version = V_KIND_VERSION,
    .capabilities = NACRE_SEC_HOST_LABEL,
    .name = V_NAME,
    .version = "1",
    .licence = "Apache-2.0",
    .build = "variant",
    .options = V_OPTIONS,
    .options_len = sizeof(V_OPTIONS) - 1,
    .ops = V_OPS,
};
#endif

#ifdef V_UNDEFINED_SYMBOL
extern int nacre_there_is_no_such_function(void);
int (*volatile keep)(void) = nacre_there_is_no_such_function;
#endif

#ifdef V_CONSTRUCTOR_CRASHES
__attribute__((constructor)) static void crash(void) {
  *(volatile int*)16 = 1;
}
#endif

#ifdef V_CONSTRUCTOR_HANGS
__attribute__((constructor)) static void hang(void) {
  pause();
}
#endif
