#include "protocol.h"
#include "virtio_queue.h"

#include <string.h>

void begin(const struct protocol* protocol, unsigned slot, const struct request* request) {
  virtio_send(slot, protocol->encode(request, virtio_request(slot)));
}

int is_ended(unsigned slot) {
  return virtio_is_answered(slot);
}

int end(const struct protocol* protocol, unsigned slot, const struct request* request,
        struct answer* answer) {
  while (!virtio_is_answered(slot)) {
  }
  memset(answer, 0, sizeof *answer);
  return protocol->decode(request, virtio_answer(slot), answer);
}

int ask(const struct protocol* protocol, const struct request* request, struct answer* answer) {
  begin(protocol, 0, request);
  return end(protocol, 0, request, answer);
}
