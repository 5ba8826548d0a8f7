/* What a server of shared files can be asked, in 9P2000.L and in FUSE alike; names and targets go as they
 * are. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum operation {
  ATTACH,   /* to `name`, a folder that the server would have to offer; 9p alone */
  WALK,     /* one name below `node` */
  OPEN,     /* `number`: flags of open(2) */
  READ,     /* of an open `node` with its `handle` */
  WRITE,    /* `text` at `offset` */
  MKDIR,    /* `name` below `node` */
  SYMLINK,  /* `name` below `node`, to `text` */
  MKNOD,    /* `name` below `node`; mode `number`, device `device` */
  LINK,     /* `name` below `node`, of `other` */
  RENAME,   /* `name` below `node` to `text` below `other` */
  UNLINK,   /* `name` below `node` */
  CHMOD,    /* `node` to `number` */
  TRUNCATE, /* `node` to nothing */
  FORGET    /* `node` is needed no more; nothing comes back */
};

struct request {
  enum operation operation;
  uint64_t node, other, handle, offset;
  const char *name, *text;
  uint32_t number;
  unsigned major, minor;
};

struct answer {
  uint64_t node;   /* of WALK and ATTACH */
  uint64_t handle; /* of OPEN */
  char data[256];  /* of READ */
  size_t size;
};

struct protocol {
  unsigned device_type, queue;
  uint64_t root;
  void (*greet)(void);
  /* Writes a message; its size. */
  size_t (*encode)(const struct request* request, unsigned char* message);
  /* 0 or the error number. */
  int (*decode)(const struct request* request, const unsigned char* message, struct answer* answer);
};

extern const struct protocol ninep, fuse;

/* Several can be in flight, one in each slot. */
void begin(const struct protocol* protocol, unsigned slot, const struct request* request);
int is_ended(unsigned slot);
int end(const struct protocol* protocol, unsigned slot, const struct request* request, struct answer* answer);

/* One request to its end; returns 0 or the error number. */
int ask(const struct protocol* protocol, const struct request* request, struct answer* answer);
