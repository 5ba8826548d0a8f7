/* The init of a guest that its user owns: it leaves the kernel's drivers alone, speaks to the server of the
 * share itself, tries what leads out of it, writes what it found into the share's file `report`, and ends.
 * The kernel's command line says hostile.protocol=9p|fuse, hostile.folder=PATH below the share, and of the
 * host: hostile.outside=PATH, hostile.root=/proc/PID/root, hostile.device=MAJOR:MINOR. */
#define _GNU_SOURCE
#include "attacks.h"
#include "report.h"
#include "virtio_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_BYTES = 4096, CHUNK = 2048 };

static const char* word(const char* key) {
  static char lines[5][LINE_BYTES];
  static int used;
  char wanted[64];
  char* line = lines[used++];
  int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, line, LINE_BYTES - 1) < 0) give_up("command line");
  close(fd);
  snprintf(wanted, sizeof wanted, "hostile.%s=", key);
  char* found = strstr(line, wanted);
  if (!found) give_up(key);
  found += strlen(wanted);
  found[strcspn(found, " \n")] = '\0';
  return found;
}

static struct target find_target(void) {
  struct target target = {.outside = word("outside"), .process_root = word("root")};
  const char* folder = word("folder");
  target.protocol = strcmp(word("protocol"), "9p") == 0 ? &ninep : &fuse;
  if (sscanf(word("device"), "%u:%u", &target.major, &target.minor) != 2) give_up("block device");
  virtio_open(target.protocol->device_type, target.protocol->queue);
  target.protocol->greet();
  /* The container's root comes into the share while the guest boots. */
  while (walk(&target, target.protocol->root, folder, &target.folder) == ENOENT) {
  }
  for (const char* at = folder; at; at = strchr(at + 1, '/'))
    ++target.depth;
  return target;
}

static void save_report(const struct target* target) {
  struct request request = {.operation = OPEN, .number = O_WRONLY};
  struct answer answer;
  const char* text = report_text();
  if (walk(target, target->folder, "report", &request.node) || ask(target->protocol, &request, &answer))
    give_up("file for the report");
  request.operation = WRITE;
  request.handle = answer.handle;
  for (const size_t size = strlen(text); request.offset < size; request.offset += request.number) {
    request.text = text + request.offset;
    request.number = (uint32_t)(size - request.offset < CHUNK ? size - request.offset : CHUNK);
    if (ask(target->protocol, &request, &answer)) give_up("writing of the report");
  }
}

int main(void) {
  mkdir("/proc", 0755), mkdir("/sys", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  const struct target target = find_target();
  reach(&target, "read inside", target.folder, "inside");
  attack_by_names(&target);
  attack_by_links(&target);
  attack_by_devices(&target);
  attack_by_races(&target);
  reach(&target, "read inside at the end", target.folder, "inside");
  save_report(&target);
  puts("\nhostile guest: done");
  return 0;
}
