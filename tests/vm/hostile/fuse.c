/* FUSE as virtiofsd speaks it: linux/fuse.h. */
#include "protocol.h"
#include "report.h"
#include "virtio_queue.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>

enum { DEVICE_TYPE = 26, REQUEST_QUEUE = 1, MINOR_THAT_BOTH_DAEMONS_SPEAK = 31 };

static uint64_t last_unique;

struct message {
  unsigned char* bytes;
  size_t size;
};

static struct message start(unsigned char* bytes, uint32_t opcode, uint64_t node) {
  struct fuse_in_header header = {.opcode = opcode, .unique = ++last_unique, .nodeid = node, .pid = 1};
  memcpy(bytes, &header, sizeof header);
  return (struct message){bytes, sizeof header};
}

static void put(struct message* message, const void* bytes, size_t size) {
  memcpy(message->bytes + message->size, bytes, size);
  message->size += size;
}

static void put_text(struct message* message, const char* text) {
  put(message, text, strlen(text) + 1);
}

/* As the kernel's new_encode_dev() has it. */
static uint32_t device_number(const struct request* request) {
  return (request->minor & 0xff) | request->major << 8 | (request->minor & ~0xffu) << 12;
}

static void put_attributes(struct message* message, const struct request* request, uint32_t valid) {
  const struct fuse_setattr_in in = {.valid = valid, .mode = request->number};
  put(message, &in, sizeof in);
}

static uint32_t opcode_of(enum operation operation) {
  static const uint32_t opcodes[] = {
      [ATTACH] = FUSE_INIT,      [WALK] = FUSE_LOOKUP,   [OPEN] = FUSE_OPEN,       [READ] = FUSE_READ,
      [WRITE] = FUSE_WRITE,      [MKDIR] = FUSE_MKDIR,   [SYMLINK] = FUSE_SYMLINK, [MKNOD] = FUSE_MKNOD,
      [LINK] = FUSE_LINK,        [RENAME] = FUSE_RENAME, [UNLINK] = FUSE_UNLINK,   [CHMOD] = FUSE_SETATTR,
      [TRUNCATE] = FUSE_SETATTR, [FORGET] = FUSE_FORGET};
  return opcodes[operation];
}

static size_t encode(const struct request* request, unsigned char* bytes) {
  struct message message = start(bytes, opcode_of(request->operation), request->node);
  switch (request->operation) {
  case ATTACH: {
    const struct fuse_init_in in = {.major = FUSE_KERNEL_VERSION, .minor = MINOR_THAT_BOTH_DAEMONS_SPEAK};
    put(&message, &in, sizeof in);
    break;
  }
  case WALK:
  case UNLINK:
    put_text(&message, request->name);
    break;
  case OPEN: {
    const struct fuse_open_in in = {.flags = request->number};
    put(&message, &in, sizeof in);
    break;
  }
  case READ: {
    const struct fuse_read_in in = {
        .fh = request->handle, .offset = request->offset, .size = sizeof((struct answer*)0)->data};
    put(&message, &in, sizeof in);
    break;
  }
  case WRITE: {
    const struct fuse_write_in in = {
        .fh = request->handle, .offset = request->offset, .size = request->number};
    put(&message, &in, sizeof in);
    put(&message, request->text, request->number);
    break;
  }
  case MKDIR: {
    const struct fuse_mkdir_in in = {.mode = 0755};
    put(&message, &in, sizeof in);
    put_text(&message, request->name);
    break;
  }
  case SYMLINK:
    put_text(&message, request->name);
    put_text(&message, request->text);
    break;
  case MKNOD: {
    const struct fuse_mknod_in in = {.mode = request->number, .rdev = device_number(request)};
    put(&message, &in, sizeof in);
    put_text(&message, request->name);
    break;
  }
  case LINK: {
    const struct fuse_link_in in = {.oldnodeid = request->other};
    put(&message, &in, sizeof in);
    put_text(&message, request->name);
    break;
  }
  case RENAME: {
    const struct fuse_rename_in in = {.newdir = request->other};
    put(&message, &in, sizeof in);
    put_text(&message, request->name);
    put_text(&message, request->text);
    break;
  }
  case CHMOD:
    put_attributes(&message, request, FATTR_MODE);
    break;
  case TRUNCATE:
    put_attributes(&message, request, FATTR_SIZE);
    break;
  case FORGET: {
    const struct fuse_forget_in in = {.nlookup = 1};
    put(&message, &in, sizeof in);
    break;
  }
  }
  ((struct fuse_in_header*)bytes)->len = (uint32_t)message.size;
  return message.size;
}

static int decode(const struct request* request, const unsigned char* bytes, struct answer* answer) {
  struct fuse_out_header header;
  const unsigned char* const body = bytes + sizeof header;
  memcpy(&header, bytes, sizeof header);
  if (request->operation == FORGET) return 0; /* it has no answer */
  if (header.unique == 0) return EPROTO;
  if (header.error != 0) return -header.error;
  if (request->operation == WALK)
    memcpy(&answer->node, body, sizeof answer->node); /* fuse_entry_out's first */
  if (request->operation == OPEN) memcpy(&answer->handle, body, sizeof answer->handle);
  if (request->operation != READ) return 0;
  answer->size = header.len - sizeof header;
  if (answer->size > sizeof answer->data) answer->size = sizeof answer->data;
  memcpy(answer->data, body, answer->size);
  return 0;
}

static void greet(void) {
  struct answer answer;
  const struct request init = {.operation = ATTACH, .node = FUSE_ROOT_ID};
  if (ask(&fuse, &init, &answer) != 0) give_up("greeting of virtiofsd");
}

const struct protocol fuse = {DEVICE_TYPE, REQUEST_QUEUE, FUSE_ROOT_ID, greet, encode, decode};
