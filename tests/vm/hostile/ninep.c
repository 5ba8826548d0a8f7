/* 9P2000.L, as QEMU's docs and Linux's include/net/9p/9p.h have it. */
#include "protocol.h"
#include "report.h"
#include "virtio_queue.h"

#include <string.h>

enum {
  RLERROR = 7,
  TLOPEN = 12,
  TSYMLINK = 16,
  TMKNOD = 18,
  TSETATTR = 26,
  TLINK = 70,
  TMKDIR = 72,
  TRENAMEAT = 74,
  TUNLINKAT = 76,
  TVERSION = 100,
  TATTACH = 104,
  TWALK = 110,
  TREAD = 116,
  TWRITE = 118,
  TCLUNK = 120
};
static const uint32_t NOFID = 0xffffffff;
enum { HEADER_BYTES = 7, DEVICE_TYPE = 9, ROOT_FID = 1, SETATTR_MODE = 1, SETATTR_SIZE = 8 };

static uint32_t last_fid;
static uint16_t last_tag;

struct message {
  unsigned char* bytes;
  size_t size;
};

static void put(struct message* message, const void* bytes, size_t size) {
  memcpy(message->bytes + message->size, bytes, size);
  message->size += size;
}

static void put16(struct message* message, uint16_t value) {
  put(message, &value, sizeof value);
}

static void put32(struct message* message, uint64_t wide) {
  const uint32_t value = (uint32_t)wide;
  put(message, &value, sizeof value);
}

static void put64(struct message* message, uint64_t value) {
  put(message, &value, sizeof value);
}

static void put_text(struct message* message, const char* text) {
  put16(message, (uint16_t)strlen(text));
  put(message, text, strlen(text));
}

static struct message start(unsigned char* bytes, unsigned char type) {
  struct message message = {bytes, sizeof(uint32_t)};
  put(&message, &type, sizeof type);
  put16(&message, last_tag = (uint16_t)((last_tag + 1) % 1000));
  return message;
}

static size_t finish(struct message* message) {
  const uint32_t size = (uint32_t)message->size;
  memcpy(message->bytes, &size, sizeof size);
  return message->size;
}

static void put_name(struct message* message, unsigned char* bytes, unsigned char type,
                     const struct request* request) {
  *message = start(bytes, type);
  put32(message, request->node);
  put_text(message, request->name);
}

static void put_attributes(struct message* message, unsigned char* bytes, const struct request* request,
                           uint32_t valid) {
  enum { OWNERS_AND_SIZE_AND_TIMES = 4 + 4 + 8 + 4 * 8 };
  static const unsigned char zeros[OWNERS_AND_SIZE_AND_TIMES];
  *message = start(bytes, TSETATTR);
  put32(message, request->node);
  put32(message, valid);
  put32(message, request->number);
  put(message, zeros, sizeof zeros);
}

static size_t encode(const struct request* request, unsigned char* bytes) {
  struct message message = {bytes, 0};
  switch (request->operation) {
  case ATTACH:
    message = start(bytes, TATTACH);
    put32(&message, ++last_fid);
    put32(&message, NOFID);
    put_text(&message, "root");
    put_text(&message, request->name);
    put32(&message, 0);
    break;
  case WALK:
    message = start(bytes, TWALK);
    put32(&message, request->node);
    put32(&message, ++last_fid);
    put16(&message, 1);
    put_text(&message, request->name);
    break;
  case OPEN:
    message = start(bytes, TLOPEN);
    put32(&message, request->node);
    put32(&message, request->number);
    break;
  case READ:
    message = start(bytes, TREAD);
    put32(&message, request->node);
    put64(&message, request->offset);
    put32(&message, sizeof((struct answer*)0)->data);
    break;
  case WRITE:
    message = start(bytes, TWRITE);
    put32(&message, request->node);
    put64(&message, request->offset);
    put32(&message, request->number);
    put(&message, request->text, request->number);
    break;
  case MKDIR:
    put_name(&message, bytes, TMKDIR, request);
    put32(&message, 0755);
    put32(&message, 0);
    break;
  case SYMLINK:
    put_name(&message, bytes, TSYMLINK, request);
    put_text(&message, request->text);
    put32(&message, 0);
    break;
  case MKNOD:
    put_name(&message, bytes, TMKNOD, request);
    put32(&message, request->number);
    put32(&message, request->major);
    put32(&message, request->minor);
    put32(&message, 0);
    break;
  case LINK:
    message = start(bytes, TLINK);
    put32(&message, request->node);
    put32(&message, request->other);
    put_text(&message, request->name);
    break;
  case RENAME:
    put_name(&message, bytes, TRENAMEAT, request);
    put32(&message, request->other);
    put_text(&message, request->text);
    break;
  case UNLINK:
    put_name(&message, bytes, TUNLINKAT, request);
    put32(&message, 0);
    break;
  case CHMOD:
    put_attributes(&message, bytes, request, SETATTR_MODE);
    break;
  case TRUNCATE:
    put_attributes(&message, bytes, request, SETATTR_SIZE);
    break;
  case FORGET:
    message = start(bytes, TCLUNK);
    put32(&message, request->node);
    break;
  }
  return finish(&message);
}

static int decode(const struct request* request, const unsigned char* bytes, struct answer* answer) {
  const unsigned char* const body = bytes + HEADER_BYTES;
  uint32_t word = 0;
  memcpy(&word, body, sizeof word);
  if (bytes[4] == RLERROR) return (int)word;
  answer->handle = request->node;
  /* Of several walks in flight the last would be meant: the attacks have but one. */
  if (request->operation == WALK || request->operation == ATTACH) answer->node = last_fid;
  if (request->operation != READ) return 0;
  answer->size = word < sizeof answer->data ? word : sizeof answer->data;
  memcpy(answer->data, body + sizeof word, answer->size);
  return 0;
}

static void put_version(unsigned char* bytes) {
  struct message message = start(bytes, TVERSION);
  put32(&message, SLOT_BYTES);
  put_text(&message, "9P2000.L");
  virtio_send(0, finish(&message));
}

static void greet(void) {
  struct answer answer;
  const struct request nothing = {.operation = FORGET}, attach = {.operation = ATTACH, .name = "/"};
  put_version(virtio_request(0));
  if (end(&ninep, 0, &nothing, &answer) != 0 || ask(&ninep, &attach, &answer) != 0 || answer.node != ROOT_FID)
    give_up("greeting of the 9p server");
}

const struct protocol ninep = {DEVICE_TYPE, 0, ROOT_FID, greet, encode, decode};
