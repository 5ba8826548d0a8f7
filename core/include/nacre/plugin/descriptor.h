/* What a plugin is: the one object that its .so exports, and the facts in its ELF note.
 *
 * ABI RULE: this file is append only. Structs grow at the tail, `struct_size` tells how far the other side's goes.
 *
 * Only fixed-width integers, pointer+length strings, handles and descriptors cross this boundary: no C++ object, no
 * exception, no struct by value inside another, no array of structs (arrays of pointers instead), so that an element
 * can grow without breaking a stride, and so that the same tables can be served from another process one day.
 */
#ifndef NACRE_PLUGIN_DESCRIPTOR_H
#define NACRE_PLUGIN_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A string field: `name` points at `name_len` bytes of UTF-8 that need not end in NUL. NULL with length 0 is the
 * empty string. Input strings live until the call returns; output strings are owned by the plugin and live until the
 * next call on the same handle, or until the handle is destroyed: the host copies them at once. */
#define NACRE_STRING(name)                                                                                            \
  const char *name;                                                                                                   \
  uint64_t name##_len

#define NACRE_PLUGIN_MAGIC "NACREPLG"     /* 8 bytes, the NUL is not stored */
#define NACRE_ABI_MAJOR 1                 /* of descriptor, calling rules and host table together */
#define NACRE_ABI_MINOR 0                 /* the newest that these headers describe */

/* Kinds. Each table has a version of its own, so that kinds age separately. */
#define NACRE_KIND_HYPERVISOR 1
#define NACRE_KIND_NETWORK 2
#define NACRE_KIND_STORAGE 3
#define NACRE_KIND_SECURITY 4

/* The exported symbol's name carries the major version, so that two majors can be told apart by name. */
#define NACRE_PLUGIN_SYMBOL nacre_plugin_v1
#define NACRE_PLUGIN_SYMBOL_NAME "nacre_plugin_v1"

/* The ELF note: section .note.nacre.plugin, 4-byte aligned, owner "Nacre", type 1, a JSON object with the members
 * magic, abi_major, abi_minor, min_host_minor, kind, kind_version, name, version, licence, capabilities. It is read
 * through PT_NOTE before dlopen, because constructors run first; after dlopen it must equal the descriptor. */
#define NACRE_NOTE_OWNER "Nacre"
#define NACRE_NOTE_TYPE 1

/* Constant, alive as long as the library (which is never unloaded). */
struct nacre_plugin_descriptor {
  char magic[8];           /* NACRE_PLUGIN_MAGIC */
  uint32_t struct_size;    /* sizeof(struct nacre_plugin_descriptor) where the plugin was compiled */
  uint32_t abi_major;      /* must equal the host's */
  uint32_t abi_minor;      /* of the headers that the plugin was compiled with */
  uint32_t min_host_minor; /* the lowest host minor that this plugin can work with */
  uint32_t kind;           /* NACRE_KIND_* */
  uint32_t kind_version;   /* NACRE_<KIND>_VERSION of the headers */
  uint64_t capabilities;   /* NACRE_HV_*, NACRE_NET_*, NACRE_ST_*, NACRE_SEC_* bits of the backend as a whole */
  char name[32];           /* [a-z0-9-]{1,31}, NUL-terminated; equals the file's name without ".so" */
  char version[32];        /* the plugin's own, for people; NUL-terminated */
  char licence[32];        /* SPDX expression */
  char build[64];          /* compiler and flags, information only */
  NACRE_STRING(options);   /* JSON array that describes the keys of the plugin's table, see below */
  const void *ops;         /* struct nacre_hypervisor_ops and so on, by kind; never NULL */
  const void *reserved[8]; /* NULL */
};

/* The options: [{"key","type","default","min","max","values","help"}...]
 *   key      as written in configuration.toml, [a-z0-9_]+
 *   type     "string", "integer", "float", "boolean", "strings" (list of strings)
 *   default  of that type; absent: the key has no value unless the user gives one
 *   min,max  for numbers; for strings and lists the length
 *   values   the allowed strings
 *   help     one line, ends up in configuration.toml and in the reference
 * The core checks the user's table against it, fills defaults in and hands the result to create() as a JSON object. */

#ifdef __cplusplus
}
#endif
#endif
