/* Security `audit`, in plain C: writes down, in the sandbox's log, each process that is started on the host
 * for a pod and each that enters its containers, with its arguments. It forbids nothing. */
#define _GNU_SOURCE /* memmem */
#include <nacre/plugin/define.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS                                                                                              \
  "[{\"key\":\"arguments\",\"type\":\"boolean\",\"default\":true,"                                           \
  "\"help\":\"with the arguments of the containers' processes\"}]"

/* What is behind the handle: one a pod. */
struct nacre_guard {
  const struct nacre_host* host; /* alive until destroy() has returned */
  int with_arguments;
};

/* Fills the caller's error; its room is fixed, so nothing is allocated for it. */
static int32_t fail(struct nacre_error* error, int32_t code, int errno_value, const char* what) {
  error->code = code;
  error->errno_value = errno_value;
  snprintf(error->what, sizeof error->what, "%s", what);
  return -code;
}

static void note(const struct nacre_guard* guard, const char* text, int length, size_t capacity) {
  if (length < 0) return;
  uint64_t bytes = (size_t)length < capacity ? (uint64_t)length : capacity - 1;
  guard->host->log(guard->host->context, NACRE_LOG_INFO, text, bytes);
}

/* The options have been checked and their defaults filled in by the core, so looking for one text is enough.
 */
static int32_t create(const struct nacre_host* host, const struct nacre_call* call, const char* options,
                      uint64_t options_len, nacre_guard** ret, struct nacre_error* error) {
  static const char off[] = "\"arguments\":false";
  (void)call;
  nacre_guard* guard = calloc(1, sizeof *guard);
  if (guard == NULL) return fail(error, NACRE_E_EXHAUSTED, ENOMEM, "out of memory");
  guard->host = host;
  guard->with_arguments = memmem(options, options_len, off, sizeof off - 1) == NULL;
  *ret = guard;
  return 0;
}

static void destroy(nacre_guard* guard) {
  free(guard);
}

/* Strings of the host are not NUL-terminated: they come with their length, and live until the call returns.
 */
static int32_t confine(nacre_guard* guard, const struct nacre_call* call,
                       const struct nacre_process_request* request, struct nacre_process_rules* ret,
                       struct nacre_error* error) {
  char text[512];
  (void)call, (void)ret, (void)error; /* `ret` comes zeroed: it says nothing, so nothing is confined */
  int length = snprintf(text, sizeof text, "host process \"%.*s\" (%.*s) for %.*s", (int)request->program_len,
                        request->program, (int)request->role_len, request->role, (int)request->plugin_len,
                        request->plugin);
  note(guard, text, length, sizeof text);
  return 0;
}

/* The array after "args" in the text of an OCI process; none: length 0. */
static const char* arguments_of(const char* json, uint64_t json_len, uint64_t* length) {
  static const char key[] = "\"args\":[";
  const char* end = json + json_len;
  const char* first = memmem(json, json_len, key, sizeof key - 1);
  int in_string = 0;
  *length = 0;
  if (first == NULL) return json;
  first += sizeof key - 2; /* from the bracket on */
  for (const char* at = first; at < end; ++at) {
    if (in_string && *at == '\\')
      ++at;
    else if (*at == '"')
      in_string = !in_string;
    else if (!in_string && *at == ']') {
      *length = (uint64_t)(at - first) + 1;
      break;
    }
  }
  return first;
}

static int32_t guest_process(nacre_guard* guard, const struct nacre_call* call,
                             const struct nacre_guest_request* request, struct nacre_guest_rules* ret,
                             struct nacre_error* error) {
  char text[1024];
  uint64_t length = 0;
  const char* arguments = arguments_of(request->process, request->process_len, &length);
  (void)call, (void)ret, (void)error;
  if (!guard->with_arguments) length = 0;
  note(guard, text,
       snprintf(text, sizeof text, "%s %.*s", request->is_exec ? "exec" : "container process",
                (int)(length < 900 ? length : 900), arguments),
       sizeof text);
  return 0;
}

/* What is left out (probe, undo) is NULL: this plugin works everywhere and never changes the host. */
static const struct nacre_security_ops ops = {
    .struct_size = sizeof ops,
    .create = create,
    .destroy = destroy,
    .confine = confine,
    .guest_process = guest_process,
};

NACRE_PLUGIN_DEFINE(security, "audit", "1.0", "Apache-2.0", 0, 0, OPTIONS, &ops);
