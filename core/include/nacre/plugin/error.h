/* Errors across the plugin boundary.
 *
 * ABI RULE: this file is append only. Never remove, reorder, renumber or change the meaning of anything in it.
 */
#ifndef NACRE_PLUGIN_ERROR_H
#define NACRE_PLUGIN_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Codes. A function returns 0, or the negative of one of these, and then has filled the error. */
#define NACRE_E_UNKNOWN 2
#define NACRE_E_INVALID_ARGUMENT 3    /* the caller's input can never work */
#define NACRE_E_DEADLINE 4            /* call.deadline_ns passed */
#define NACRE_E_NOT_FOUND 5
#define NACRE_E_ALREADY_EXISTS 6
#define NACRE_E_PERMISSION 7
#define NACRE_E_EXHAUSTED 8           /* disk, memory, limits */
#define NACRE_E_PRECONDITION 9        /* the object is in the wrong state */
#define NACRE_E_CANCELLED 10          /* call.cancel_fd became readable */
#define NACRE_E_UNSUPPORTED 12        /* this plugin cannot; the plan should have refused it */
#define NACRE_E_INTERNAL 13
#define NACRE_E_UNAVAILABLE 14        /* a peer (VMM, daemon) is gone */

/* Room for one sentence. Owned by the caller, who sets struct_size before the call; the callee writes it only when
 * it fails, and never reads it. Nothing is allocated across the boundary for it. */
struct nacre_error {
  uint32_t struct_size; /* set by the caller */
  int32_t code;         /* NACRE_E_* */
  int32_t errno_value;  /* 0 when no errno is the cause */
  uint32_t reserved;
  char what[488];       /* UTF-8, NUL-terminated: what failed, on which object in double quotes, why, what to do; no
                           full stop; longer text is cut at a character's border */
};

#ifdef __cplusplus
}
#endif
#endif
