/* Ways out of a share. Each is reported with what came of it; what is read is shown, so that the test outside
 * finds its own canaries in it. */
#pragma once

#include "protocol.h"

struct target {
  const struct protocol* protocol;
  uint64_t folder;          /* in the share, with the file `inside` in it: the attacks' own */
  int depth;                /* of that folder below the server's root */
  const char* outside;      /* on the host: an absolute path of a folder with the file `outside` in it */
  const char* process_root; /* /proc/PID/root of a process of the host's */
  unsigned major, minor;    /* of a block device of the host's */
};

/* The node of a path below `from`, or an error number. */
int walk(const struct target* target, uint64_t from, const char* path, uint64_t* node);
/* Up to the size of answer.data, or an error number. */
int read_node(const struct target* target, uint64_t node, struct answer* answer);
/* Reports what is read at a path below `from`. */
void reach(const struct target* target, const char* attack, uint64_t from, const char* path);

void attack_by_names(const struct target* target);
void attack_by_links(const struct target* target);
void attack_by_devices(const struct target* target);
/* attack_race.c */
void attack_by_races(const struct target* target);
