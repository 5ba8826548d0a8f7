/* Virtio 1.1, chapters 2.6 (split queues), 3.1 (initialization) and 4.1 (PCI). */
#define _GNU_SOURCE
#include "virtio_queue.h"
#include "report.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, VENDOR = 0x1af4, FIRST_MODERN_ID = 0x1040 };

struct ring {
  struct vring_desc* descriptors;
  struct vring_avail* available;
  volatile struct vring_used* used;
};

static struct ring ring;
static volatile uint16_t* doorbell;
static uint16_t queue_number, used_seen;
static unsigned char *requests[SLOTS], *answers[SLOTS];
static int answered[SLOTS];

/* Pages that stay where they are, since the device knows them by their physical addresses. */
static void* page(void) {
  void* memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
  if (memory == MAP_FAILED) give_up("memory for the queue");
  memset(memory, 0, PAGE);
  return memory;
}

static uint64_t physical(const void* memory) {
  uint64_t entry = 0;
  const uint64_t frame_bits = (1ull << 55) - 1;
  int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd < 0 ||
      pread(fd, &entry, sizeof entry, (off_t)((uintptr_t)memory / PAGE * sizeof entry)) != sizeof entry ||
      (entry & frame_bits) == 0)
    give_up("the physical address of a page");
  close(fd);
  return (entry & frame_bits) * PAGE;
}

static int open_in(const char* device, const char* file, int flags) {
  char path[512];
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/%s", device, file);
  return open(path, flags | O_CLOEXEC);
}

/* Its name on the bus; the configuration space is left in `config`. */
static const char* find_device(unsigned type, unsigned char* config) {
  static char name[256];
  DIR* devices = opendir("/sys/bus/pci/devices");
  for (struct dirent* entry; devices && (entry = readdir(devices));) {
    int fd = entry->d_name[0] == '.' ? -1 : open_in(entry->d_name, "config", O_RDONLY);
    if (fd < 0) continue;
    uint16_t ids[2] = {0, 0};
    if (pread(fd, config, 256, 0) == 256) memcpy(ids, config, sizeof ids);
    close(fd);
    if (ids[0] != VENDOR || ids[1] != FIRST_MODERN_ID + type) continue;
    snprintf(name, sizeof name, "%s", entry->d_name);
    closedir(devices);
    return name;
  }
  give_up("the device of the share");
}

/* A kernel that has virtio_pci built in has given the device to it. */
static void take_from_driver(const char* device) {
  int fd = open_in(device, "driver/unbind", O_WRONLY);
  if (fd < 0) return;
  if (write(fd, device, strlen(device)) < 0) give_up("taking the device from its driver");
  close(fd);
}

static void enable(const char* device) {
  take_from_driver(device);
  uint16_t command = 0;
  int fd = open_in(device, "enable", O_WRONLY);
  if (fd < 0 || write(fd, "1", 1) != 1) give_up("enabling the device");
  close(fd);
  fd = open_in(device, "config", O_RDWR);
  if (fd < 0 || pread(fd, &command, sizeof command, PCI_COMMAND) != sizeof command)
    give_up("the device's command");
  command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
  if (pwrite(fd, &command, sizeof command, PCI_COMMAND) != sizeof command)
    give_up("making the device bus master");
  close(fd);
}

/* The device's memory from the beginning of a BAR to the end of a structure in it. */
static volatile unsigned char* map_bar(const char* device, const struct virtio_pci_cap* structure) {
  char file[16];
  snprintf(file, sizeof file, "resource%u", structure->bar);
  const size_t size = (structure->offset + structure->length + PAGE - 1) / PAGE * PAGE;
  int fd = open_in(device, file, O_RDWR);
  void* memory = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) give_up("mapping a BAR");
  close(fd);
  return memory;
}

struct place {
  volatile unsigned char* at;
  uint32_t multiplier;
};

static struct place find_structure(const char* device, const unsigned char* config, uint8_t type) {
  for (unsigned at = config[PCI_CAPABILITY_LIST]; at >= PCI_STD_HEADER_SIZEOF;
       at = config[at + PCI_CAP_LIST_NEXT]) {
    struct virtio_pci_notify_cap found;
    memcpy(&found, config + at, sizeof found);
    if (found.cap.cap_vndr != PCI_CAP_ID_VNDR || found.cap.cfg_type != type) continue;
    return (struct place){map_bar(device, &found.cap) + found.cap.offset, found.notify_off_multiplier};
  }
  give_up("a structure of the device");
}

static void set_address(volatile uint32_t* low, volatile uint32_t* high, const void* memory) {
  const uint64_t address = physical(memory);
  *low = (uint32_t)address;
  *high = (uint32_t)(address >> 32);
}

static struct ring make_ring(volatile struct virtio_pci_common_cfg* common, uint16_t number) {
  struct ring made = {page(), page(), page()};
  common->queue_select = number;
  if (common->queue_size == 0) give_up("the device's queue");
  common->queue_size = SLOTS * 2;
  set_address(&common->queue_desc_lo, &common->queue_desc_hi, made.descriptors);
  set_address(&common->queue_avail_lo, &common->queue_avail_hi, made.available);
  set_address(&common->queue_used_lo, &common->queue_used_hi, (const void*)made.used);
  made.available->flags = VRING_AVAIL_F_NO_INTERRUPT;
  common->queue_enable = 1;
  return made;
}

static void start(volatile struct virtio_pci_common_cfg* common, unsigned queue) {
  common->device_status = 0;
  while (common->device_status != 0) {
  }
  common->device_status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
  common->guest_feature_select = 0;
  common->guest_feature = 0;
  common->guest_feature_select = 1;
  common->guest_feature = 1u << (VIRTIO_F_VERSION_1 - 32);
  common->device_status |= VIRTIO_CONFIG_S_FEATURES_OK;
  if (!(common->device_status & VIRTIO_CONFIG_S_FEATURES_OK)) give_up("agreeing with the device");
  for (unsigned number = 0; number <= queue; ++number)
    ring = make_ring(common, (uint16_t)number);
  common->device_status |= VIRTIO_CONFIG_S_DRIVER_OK;
}

void virtio_open(unsigned type, unsigned queue) {
  unsigned char config[256];
  const char* device = find_device(type, config);
  enable(device);
  volatile struct virtio_pci_common_cfg* common =
      (volatile void*)find_structure(device, config, VIRTIO_PCI_CAP_COMMON_CFG).at;
  for (unsigned slot = 0; slot < SLOTS; ++slot)
    requests[slot] = page(), answers[slot] = page();
  start(common, queue);
  const struct place notify = find_structure(device, config, VIRTIO_PCI_CAP_NOTIFY_CFG);
  common->queue_select = (uint16_t)queue;
  doorbell = (volatile void*)(notify.at + (size_t)common->queue_notify_off * notify.multiplier);
  queue_number = (uint16_t)queue;
  for (unsigned slot = 0; slot < SLOTS; ++slot) {
    ring.descriptors[slot * 2] =
        (struct vring_desc){physical(requests[slot]), 0, VRING_DESC_F_NEXT, (uint16_t)(slot * 2 + 1)};
    ring.descriptors[slot * 2 + 1] =
        (struct vring_desc){physical(answers[slot]), SLOT_BYTES, VRING_DESC_F_WRITE, 0};
  }
}

unsigned char* virtio_request(unsigned slot) {
  return requests[slot];
}

const unsigned char* virtio_answer(unsigned slot) {
  return answers[slot];
}

void virtio_send(unsigned slot, size_t request_bytes) {
  answered[slot] = 0;
  memset(answers[slot], 0, SLOT_BYTES);
  ring.descriptors[slot * 2].len = (uint32_t)request_bytes;
  ring.available->ring[ring.available->idx % (SLOTS * 2)] = (uint16_t)(slot * 2);
  __sync_synchronize();
  ++ring.available->idx;
  __sync_synchronize();
  *doorbell = queue_number;
}

int virtio_is_answered(unsigned slot) {
  while (used_seen != ring.used->idx) {
    __sync_synchronize();
    answered[ring.used->ring[used_seen++ % (SLOTS * 2)].id / 2] = 1;
  }
  return answered[slot];
}
