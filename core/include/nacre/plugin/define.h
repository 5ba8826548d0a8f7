/* The one macro that makes a .so a plugin: it writes the exported descriptor and the ELF note with the same facts.
 * For C11 and C++17 or later; use it once, at file scope.
 *
 *   NACRE_PLUGIN_DEFINE(kind, name, version, licence, min_host_minor, capabilities, options, ops)
 *
 *   kind            hypervisor, network, storage or security, without quotes
 *   name            string literal, [a-z0-9-]{1,31}; the file must be called <name>.so
 *   version         string literal, below 32 bytes, of your own, without quotes or backslashes in it
 *   licence         string literal: SPDX expression, below 32 bytes
 *   min_host_minor  integer literal: the lowest NACRE_ABI_MINOR of a host that can run this plugin
 *   capabilities    names of the kind's capability bits joined by `|`, or 0; written out, because the names themselves
 *                   go into the note
 *   options         string literal or constant char array: the JSON text of descriptor.h; "[]" for none
 *   ops             address of the constant table, struct nacre_<kind>_ops
 */
#ifndef NACRE_PLUGIN_DEFINE_H
#define NACRE_PLUGIN_DEFINE_H

#include "descriptor.h"
#include "hypervisor.h"
#include "network.h"
#include "security.h"
#include "storage.h"

#define NACRE_KIND_OF_hypervisor NACRE_KIND_HYPERVISOR
#define NACRE_KIND_OF_network NACRE_KIND_NETWORK
#define NACRE_KIND_OF_storage NACRE_KIND_STORAGE
#define NACRE_KIND_OF_security NACRE_KIND_SECURITY
#define NACRE_VERSION_OF_hypervisor NACRE_HYPERVISOR_VERSION
#define NACRE_VERSION_OF_network NACRE_NETWORK_VERSION
#define NACRE_VERSION_OF_storage NACRE_STORAGE_VERSION
#define NACRE_VERSION_OF_security NACRE_SECURITY_VERSION

#define NACRE_TEXT_OF_(x) #x
#define NACRE_TEXT_OF(x) NACRE_TEXT_OF_(x)

#ifdef __cplusplus
#define NACRE_PLUGIN_LINKAGE extern "C"
#define NACRE_PLUGIN_ASSERT(condition, text) static_assert(condition, text)
#else
#define NACRE_PLUGIN_LINKAGE extern
#define NACRE_PLUGIN_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#if defined(__clang__)
#define NACRE_BUILD_TEXT "clang " NACRE_TEXT_OF(__clang_major__) "." NACRE_TEXT_OF(__clang_minor__)
#elif defined(__GNUC__)
#define NACRE_BUILD_TEXT "gcc " NACRE_TEXT_OF(__GNUC__) "." NACRE_TEXT_OF(__GNUC_MINOR__)
#else
#define NACRE_BUILD_TEXT "unknown compiler"
#endif

/* The note is written by the assembler: compilers over-align a variable in a note section, and a program header of
 * type PT_NOTE, which is what the loader reads, survives strip, LTO and --gc-sections. */
#define NACRE_PLUGIN_NOTE(json)                                                                                       \
  __asm__(".pushsection .note.nacre.plugin,\"a\",%note\n"                                                             \
          ".balign 4\n"                                                                                               \
          ".long 2f-1f\n"                                                                                             \
          ".long 4f-3f\n"                                                                                             \
          ".long " NACRE_TEXT_OF(NACRE_NOTE_TYPE) "\n"                                                                \
          "1: .asciz \"" NACRE_NOTE_OWNER "\"\n"                                                                      \
          "2: .balign 4\n"                                                                                            \
          "3: .ascii \"" json "\"\n"                                                                                  \
          "4: .balign 4\n"                                                                                            \
          ".popsection\n")

#define NACRE_NOTE_STRING(key, text) "\\\"" key "\\\":\\\"" text "\\\""
#define NACRE_NOTE_NUMBER(key, text) "\\\"" key "\\\":" text

#define NACRE_PLUGIN_DEFINE(kind_, name_, version_, licence_, min_host_minor_, capabilities_, options_, ops_)          \
  NACRE_PLUGIN_ASSERT(sizeof(name_) <= 32 && sizeof(name_) > 1, "the name has 1 to 31 characters");                   \
  NACRE_PLUGIN_ASSERT(sizeof(version_) <= 32, "the version has at most 31 characters");                               \
  NACRE_PLUGIN_ASSERT(sizeof(licence_) <= 32, "the licence has at most 31 characters");                               \
  NACRE_PLUGIN_NOTE(                                                                                                  \
      "{" NACRE_NOTE_STRING("magic", NACRE_PLUGIN_MAGIC) ","                                                          \
      NACRE_NOTE_NUMBER("abi_major", NACRE_TEXT_OF(NACRE_ABI_MAJOR)) ","                                              \
      NACRE_NOTE_NUMBER("abi_minor", NACRE_TEXT_OF(NACRE_ABI_MINOR)) ","                                              \
      NACRE_NOTE_NUMBER("min_host_minor", NACRE_TEXT_OF(min_host_minor_)) ","                                         \
      NACRE_NOTE_STRING("kind", #kind_) ","                                                                           \
      NACRE_NOTE_NUMBER("kind_version", NACRE_TEXT_OF(NACRE_VERSION_OF_##kind_)) ","                                  \
      NACRE_NOTE_STRING("name", name_) "," NACRE_NOTE_STRING("version", version_) ","                                 \
      NACRE_NOTE_STRING("licence", licence_) "," NACRE_NOTE_STRING("capabilities", #capabilities_) "}");              \
  NACRE_PLUGIN_LINKAGE __attribute__((visibility("default"))) const struct nacre_plugin_descriptor                    \
      NACRE_PLUGIN_SYMBOL;                                                                                            \
  __attribute__((used)) const struct nacre_plugin_descriptor NACRE_PLUGIN_SYMBOL = {                                                                                         \
          {'N', 'A', 'C', 'R', 'E', 'P', 'L', 'G'},                                                                   \
          (uint32_t)sizeof(struct nacre_plugin_descriptor),                                                           \
          NACRE_ABI_MAJOR,                                                                                            \
          NACRE_ABI_MINOR,                                                                                            \
          (min_host_minor_),                                                                                          \
          NACRE_KIND_OF_##kind_,                                                                                      \
          NACRE_VERSION_OF_##kind_,                                                                                   \
          (capabilities_),                                                                                            \
          name_,                                                                                                      \
          version_,                                                                                                   \
          licence_,                                                                                                   \
          NACRE_BUILD_TEXT,                                                                                           \
          options_,                                                                                                   \
          sizeof(options_) - 1,                                                                                       \
          (ops_),                                                                                                     \
          {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL}}

#endif
