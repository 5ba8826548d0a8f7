/* A virtio PCI device without a driver in the kernel, driven from here: its last queue, polled. What its
 * other end gets is exactly the bytes that are put into a slot, which no kernel has looked at. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SLOTS = 4, SLOT_BYTES = 4096 };

/* Takes the first device of this virtio type and makes its queues 0 to `queue`, of which `queue` is used.
 * Ends the program where that fails. */
void virtio_open(unsigned type, unsigned queue);

/* A request in flight, and the place of its answer. */
unsigned char* virtio_request(unsigned slot);
const unsigned char* virtio_answer(unsigned slot);
void virtio_send(unsigned slot, size_t request_bytes);
/* False while it is in flight. */
int virtio_is_answered(unsigned slot);
