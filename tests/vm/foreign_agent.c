/* The init of guests that are no nacre guests; `foreign=` on the kernel's command line says which:
 *   version   answers the agent's hello (agent/proto/transport.proto) with a version of tomorrow
 *   idle      does nothing
 *   noise     writes what a terminal obeys to the console, a lot of it, and ends */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEY_SIZE = 16 };

static int mode_is(const char* mode) {
  char line[4096] = "", wanted[64];
  int fd = open("/proc/cmdline", O_RDONLY);
  if (fd < 0 || read(fd, line, sizeof line - 1) < 0) exit(2);
  close(fd);
  snprintf(wanted, sizeof wanted, "foreign=%s", mode);
  return strstr(line, wanted) != NULL;
}

/* The image's list is in an order that needs no dependencies looked up; what does not fit this kernel is not
 * needed. */
static void load_modules(void) {
  char line[4096], file[256];
  FILE* list = fopen("/lib/modules/list", "re");
  while (list && fgets(line, sizeof line, list)) {
    if (sscanf(line, "%*s %255s", file) != 1) continue;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) syscall(SYS_finit_module, fd, "", 0);
    close(fd);
  }
}

static int open_port(void) {
  char path[300];
  for (;;) { /* the port appears soon after its driver */
    DIR* folder = opendir("/sys/class/virtio-ports");
    struct dirent* entry;
    while (folder && (entry = readdir(folder))) {
      if (entry->d_name[0] == '.') continue;
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      int fd = open(path, O_RDWR);
      if (fd >= 0) return fd;
    }
    if (folder) closedir(folder);
  }
}

static void read_all(int fd, unsigned char* bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t got = read(fd, bytes + done, size - done);
    if (got > 0) done += (size_t)got;
  }
}

/* HelloRequest's first field is the nonce; HelloReply { version: 77, agent_version: "9.9" }. */
static void answer_hello(void) {
  static const unsigned char reply[] = {0x08, 77, 0x1a, 3, '9', '.', '9'};
  unsigned char hello[KEY_SIZE + 4 + 2 + KEY_SIZE], answer[KEY_SIZE + 4 + sizeof reply] = {0};
  load_modules();
  int port = open_port();
  read_all(port, hello, sizeof hello);
  memcpy(answer, hello + KEY_SIZE + 4 + 2, KEY_SIZE);
  answer[KEY_SIZE] = sizeof reply;
  memcpy(answer + KEY_SIZE + 4, reply, sizeof reply);
  if (write(port, answer, sizeof answer) < 0) exit(3);
}

static void make_noise(void) {
  static const char clear_and_title[] = "\033[2J\033]0;owned\007\r\b\x9b\x80 \xc2\x9b";
  for (int i = 0; i < 500; ++i)
    if (write(1, clear_and_title, sizeof clear_and_title) < 0) exit(4);
  if (write(1, "\nthe last line\n", 15) < 0) exit(4);
}

int main(void) {
  mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  if (mode_is("noise")) {
    make_noise();
    return 7;
  }
  if (mode_is("version")) answer_hello();
  for (;;)
    pause();
}
