/* The floor of `tools/dev bench start` and `storage`: what a guest must do at the least to run one container.
 * It loads the modules that the share and the port need, mounts the share, moves the root as the agent does
 * (crun's pivot_root needs it), and lets crun run the bundle with its stdio on the agent's port. Nothing
 * else. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char* what) {
  printf("floor: %s: %s\n", what, strerror(errno));
  reboot(RB_AUTOBOOT);
}

static char modules[65536];

static void load_file(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(path);
  if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST) die(path);
  close(fd);
}

/* The line `name file dependency...` of a module in the image's list; the dependencies come in load order. */
static const char* line_of(const char* name, size_t length) {
  const char* line = modules;
  while (*line) {
    if (strncmp(line, name, length) == 0 && line[length] == ' ') return line;
    line = strchr(line, '\n');
    if (!line) return NULL;
    line++;
  }
  return NULL;
}

static void load(const char* name, size_t length, int dependencies) {
  const char* line = line_of(name, length);
  if (!line) return; /* built in */
  const char* file = line + length + 1;
  size_t file_length = strcspn(file, " \n");
  const char* rest = file + file_length;
  while (dependencies && *rest == ' ') {
    rest++;
    size_t dependency = strcspn(rest, " \n");
    load(rest, dependency, 0);
    rest += dependency;
  }
  char path[256];
  snprintf(path, sizeof path, "%.*s", (int)file_length, file);
  load_file(path);
}

static void load_modules(void) {
  static const char* const names[] = {"virtio_pci", "virtio_console", SHARE_MODULES};
  int fd = open(MODULE_LIST, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, modules, sizeof modules - 1) < 0) die(MODULE_LIST);
  close(fd);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    load(names[i], strlen(names[i]), 1);
}

static void mount_or_die(const char* source, const char* target, const char* type, unsigned long flags,
                         const char* data) {
  mkdir(target, 0755);
  if (mount(source, target, type, flags, data) < 0 && errno != EBUSY) die(target);
}

static int open_port(void) {
  DIR* folder = opendir("/sys/class/virtio-ports");
  struct dirent* entry;
  if (!folder) die("/sys/class/virtio-ports");
  while ((entry = readdir(folder))) {
    char path[512], name[64] = "";
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ssize_t length = read(fd, name, sizeof name - 1);
    close(fd);
    if (length > 0 && strncmp(name, "nacre.agent.0", 13) == 0) {
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      return open(path, O_RDWR);
    }
  }
  die("port nacre.agent.0");
  return -1;
}

int main(void) {
  mount_or_die("proc", "/proc", "proc", 0, NULL);
  mount_or_die("sysfs", "/sys", "sysfs", 0, NULL);
  mount_or_die("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  int console = open("/dev/console", O_RDWR);
  dup2(console, 1);
  mkdir("/run", 0755);
  load_modules();
  mount_or_die("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
  if (mount("/", "/", NULL, MS_BIND | MS_REC, NULL) < 0 || chdir("/") < 0) die("bind /");
  mkdir("/floor-root", 0755);
  if (mount("/", "/floor-root", NULL, MS_BIND | MS_REC, NULL) < 0) die("bind /floor-root");
  mount(NULL, "/floor-root", NULL, MS_PRIVATE | MS_REC, NULL);
  if (chdir("/floor-root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0) die("move /");
  mkdir("/run/nacre", 0755);
  mkdir("/run/nacre/share", 0755);
  mount_or_die(SHARE_TAG, "/run/nacre/share/pod", SHARE_TYPE, 0, SHARE_OPTIONS);
  int port = open_port();
  pid_t child = fork();
  if (child == 0) {
    dup2(port, 0);
    dup2(port, 1);
    dup2(port, 2);
    char* const words[] = {
        "/usr/bin/crun", "--cgroup-manager=cgroupfs",          "--root", "/run/crun", "run",
        "--bundle",      "/run/nacre/share/pod/" SHARE_BUNDLE, "floor",  NULL};
    execv(words[0], words);
    _exit(127);
  }
  int status;
  waitpid(child, &status, 0);
  reboot(RB_AUTOBOOT);
  return 0;
}
